"""proc/: pidfiles, names of logs, patterns, and what the kernel says of a process that named itself."""

from __future__ import annotations

import fnmatch
import os

from inputs import HERE, Chooser, holds, nothing_is_executed, put

from base import globs
from proc import evidence, identity

PIDFILE = f"{HERE}/a.pid"
LOGS = f"{HERE}/logs"
PID_MAX = evidence.pid_max()


def a_pidfile_names_a_pid_or_is_refused(choose: Chooser) -> None:
    """Digits of ASCII in the first line, 2 to pid_max."""
    raw = choose.raw(("2", "812", "4194304", "\n", "4194305"), most=6)
    put(PIDFILE, raw)
    try:
        pid = evidence.pidfile_pid(PIDFILE)
    except evidence.Rubbish as error:
        assert str(error)
        return
    line = raw.split(b"\n")[0]
    assert 2 <= pid <= PID_MAX and len(line) <= 32 and line == line.strip() and int(line) == pid, raw
    assert set(line) <= set(b"0123456789"), raw


def a_name_of_a_log_has_a_pid_or_not(choose: Chooser) -> None:
    """Whatever the server's user calls his files."""
    text = choose.text(("log", "_", "_1.txt", "812", "log_812_1.txt"), most=6)
    name = "".join(letter for letter in text if letter not in "/\0")[:60] or "log"
    field = 1 + choose.number(2)
    if name in (".", ".."):
        return
    put(f"{LOGS}/{name}", b"")
    try:
        pids = evidence.log_pids(LOGS, choose.pick(("log*", "*", "log*_1.txt", "[!a]*_*")), field)
    finally:
        os.unlink(f"{LOGS}/{name}")
    for pid in pids:
        assert pid > 1 and str(pid) == name.split("_")[field - 1].lstrip("0"), name


def a_pattern_fits_as_in_fnmatch(choose: Chooser) -> None:
    """In any time that a name may take, which may be as long as NAME_MAX."""
    letters = "aab*"
    pattern = "".join(choose.pick(("*", "*", "?", "a", "b", "[ab]", "[!a]", "[a-c]", "*a", "."))
                      for _ in range(choose.number(12)))  # fmt: skip
    name = "".join(choose.pick(letters) for _ in range(choose.number(10))) * (1 + choose.number(24))
    wanted = fnmatch.fnmatchcase(name, pattern) and not (name.startswith(".") and not pattern.startswith("."))
    assert globs.fits(name, pattern) == wanted, (name, pattern)
    globs.fits(choose.text(most=4), choose.text(most=4))


def a_process_that_named_itself_is_known_all_the_same(choose: Chooser) -> None:
    """By its state, parent and start ticks; the kernel takes 15 bytes of a name, whatever they are."""
    with open("/proc/self/comm", "wb", buffering=0) as comm:
        comm.write(choose.raw((") S 1", ") Z 0 0", "(", "\nUid:\t0\t0"), most=4)[:15] or b"a")
    process = identity.look(os.getpid())
    assert process and (process.ppid, process.ticks) == (os.getppid(), TICKS) and process.state in "RSD"
    assert identity.real_uid(os.getpid()) == os.getuid()


TICKS = identity.ticks_of(os.getpid())

if __name__ == "__main__":
    os.mkdir(LOGS)
    nothing_is_executed()
    holds(a_pidfile_names_a_pid_or_is_refused, size=16)
    holds(a_process_that_named_itself_is_known_all_the_same, size=10)
    holds(a_name_of_a_log_has_a_pid_or_not, size=20)
    holds(a_pattern_fits_as_in_fnmatch, size=28)
