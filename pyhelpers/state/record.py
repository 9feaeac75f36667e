"""The saved state of a server: STATE_DIR/servers/NAME/.

    record   the server's identity, and what the shell remembers about it
    answers  the monitor's answers to orders: see state/answers.py
    want     up, down or paused: the state that the operator wants; up if the file is missing
    lock     the helper of the monitor that watches the server holds it (flock) and writes the monitor's pid into it

A record consists of blocks of `key value` lines; `end` ends a block, and the last block is valid.  We append a block
with one write(2), which a kill cannot tear.  When the file reaches MOST bytes, a file with a single block replaces it,
by rename.  Replacing it every time would add 0.4 ms between a death and a start: ext4 has to create an inode, and to
free one that is not yet written out.  An append takes 0.03 ms.
"""

from __future__ import annotations

import os
import time

from base import files

KEYS = (
    *"name state starting pid ticks boot exe cwd sid seen invocation cgroup uid kids started source mode".split(),
    *"dir command match user port restarts memory last_exit message monitor ending took".split(),
    *"images parent parent_ticks unit beside untold beats".split(),
)
NUMBERS = "pid ticks sid seen uid port restarts monitor parent parent_ticks".split()
WANTS = ("up", "down", "paused")
END = "end\n"
MOST = 1 << 14
MOST_KIDS = 64
READABLE = 0o640  # for the group that may list the directory: see state/access.py
GLANCES = 3  # a reader may see an unfinished block, so it reads again


class Torn(Exception):
    """The record is incomplete, or not a record of ours; the text says why."""


def boot_id() -> str:
    """The id of this boot: start ticks are valid only within one boot."""
    with open("/proc/sys/kernel/random/boot_id") as source:
        return source.read().strip()


def read(directory: str, put_aside: bool = False) -> dict[str, str]:
    """The record in this directory: all KEYS, "" for unknown values; {} if there is no record.

    `starting` is set if the process in the record is dead and the monitor was about to start its successor; `ending`
    says why the monitor is ending the process, if no one ordered it; `took` is the pid that the last order ended, and
    what that took beyond the first signal; for `sid seen invocation cgroup uid kids` see proc/descent.py, for `dir
    command match user port` proc/drift.py, for `images` proc/succession.py, for `parent parent_ticks unit`
    proc/rivals.py.  `beside` is a second process of the server, which is to be ended: see watch/parting.py;
    `untold` a death that was answered with a start, and that the shell may not know: see watch/standing.py; `beats`,
    PID:TICKS, a process that has said WATCHDOG=1: see health/notify.py.
    Raises Torn if the record is torn or not ours.  put_aside: then rename it to record.bad, as its watcher does.
    """
    path = f"{directory}/record"
    for _ in range(GLANCES):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Torn(f"{path} cannot be read: {error.strerror}") from None
        with open(fd, "rb") as source:
            text = source.read(4 * MOST).decode("utf-8", "surrogateescape")
        if text.endswith("\n" + END):
            found = parse(text)
            if all(found[key].isdecimal() and found[key].isascii() for key in NUMBERS if found[key]):
                return found
            break
        time.sleep(0.001)
    raise Torn(_put_aside(path) if put_aside else f"{path} is torn or not a record")


def parse(text: str) -> dict[str, str]:
    """The last block of this text, which ends with END: all KEYS, "" for unknown values."""
    found = dict.fromkeys(KEYS, "")
    for line in text[: -len(END) - 1].rpartition("\n" + END)[2].split("\n"):
        key, _, value = line.partition(" ")
        if key in found:
            found[key] = _as_it_was(value) if "\\" in value else value
    return found


def _as_it_was(value: str) -> str:
    """Undo _one_line(): first make two backslashes one, or the second would look like that of a newline."""
    return "\\".join(part.replace("\\n", "\n") for part in value.split("\\\\"))


def _put_aside(path: str) -> str:
    try:
        os.replace(path, path + ".bad")
    except OSError as error:
        return f"{path} is torn or not a record, and cannot be put aside: {error.strerror}; not believed"
    return f"{path} is torn or not a record; put aside as {path}.bad"


def kids_text(kids: dict[int, int]) -> str:
    """Pid and start ticks of descendants as the record has them, `901:88412 902:88413`; at most MOST_KIDS."""
    return " ".join(f"{pid}:{ticks}" for pid, ticks in list(kids.items())[:MOST_KIDS])


def kids_of(text: str) -> dict[int, int]:
    """Undo kids_text(); {} if the text is none of its texts."""
    try:
        return {int(pid): int(ticks) for pid, ticks in (word.split(":") for word in text.split())}
    except ValueError:
        return {}


def write(directory: str, fields: dict[str, str]) -> None:
    """Append a block.  Raises OSError (disk full, read-only); the previous block then stays valid."""
    raw = block(fields)
    path = f"{directory}/record"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        size = os.fstat(fd).st_size
        if not size:
            os.fchmod(fd, READABLE)
        if size + len(raw) <= MOST:
            _append_whole(fd, raw, size)
            return
    finally:
        os.close(fd)
    files.replace(path, raw, READABLE)


def block(fields: dict[str, str]) -> bytes:
    """These fields as a record has them."""
    lines = [f"{key} {_one_line(value)}\n" for key, value in fields.items() if value]
    return ("".join(lines) + END).encode("utf-8", "surrogateescape")


def _append_whole(fd: int, raw: bytes, size: int) -> None:
    try:
        files.write_whole(fd, raw)
    except OSError:
        os.ftruncate(fd, size)
        raise


def read_want(directory: str) -> str:
    """The state that the operator wants for the server with this directory: one of WANTS."""
    try:
        with open(f"{directory}/want", "rb") as source:
            want = source.read(16).strip().decode("ascii", "replace")
    except OSError:
        return "up"
    return want if want in WANTS else "up"


def write_want(directory: str, want: str) -> None:
    """Save the wanted state; later monitors read it too.  Raises OSError."""
    files.replace(f"{directory}/want", want + "\n", READABLE)


def _one_line(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n") if "\\" in value or "\n" in value else value


def iso_time(at: float) -> str:
    """Unix seconds as local time with milliseconds and offset: 2026-11-20T08:01:27.123+08:00 (ISO 8601)."""
    local = time.localtime(at)
    offset = time.strftime("%z", local)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{int(at % 1 * 1000):03d}{offset[:3]}:{offset[3:]}"
