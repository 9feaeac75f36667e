"""Find ports and signal processes for the demo; it proves that a process belongs to the demo before it signals it.

    $ python3 -E -s pyhelpers/demonstrate.py ports 2
    40817 36251
    $ python3 -E -s pyhelpers/demonstrate.py kill MARK 812 SEGV
    2026-11-20T08:01:27.123+08:00
    $ python3 -E -s pyhelpers/demonstrate.py end MARK 790

    ports COUNT             print free TCP ports of 127.0.0.1
    kill MARK PID SIGNAL    send SIGNAL to a process that carries MARK, and print the time
    end MARK [PID]          end PID, then all processes that carry MARK: TERM, and after 2 s KILL

A process carries MARK if it was started with MONITOR_DEMO=MARK in its environment, or inherited that: the demo's
monitor, its helper, the servers.  See proc(5), pidfd_send_signal(2).

Exit: 0 done · 1 not done, or not for all · 2 usage · 69 (ports) this Python has no psutil, as in prepare.py.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

VARIABLE = "MONITOR_DEMO"
GRACE = 2.0  # seconds between TERM and KILL, and after KILL
ROUNDS = 10  # searches for processes that were started meanwhile


def free_ports(count: int) -> list[int]:
    """count different free TCP ports of 127.0.0.1; we hold each until we have all."""
    import socket

    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


def marked(mark: str) -> list[int]:
    """Pids of all living processes that carry the mark.  A zombie no longer has an environment."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and carries(int(name), mark)]


def carries(pid: int, mark: str) -> bool:
    """Was the process started with the mark in its environment?  False also if we may not read it."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            return os.fsencode(f"{VARIABLE}={mark}") in environment.read().split(b"\0")
    except OSError:
        return False


def open_marked(pid: int, mark: str) -> int:
    """A pidfd of the process, or -1 if it does not carry the mark.  We check the mark after opening the pidfd."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return -1
    if carries(pid, mark):
        return pidfd
    os.close(pidfd)
    return -1


def kill(mark: str, pid: int, name: str) -> float:
    """Send the signal (SEGV, TERM …); return the time in Unix seconds.  Raises ProcessLookupError."""
    pidfd = open_marked(pid, mark)
    if pidfd < 0:
        raise ProcessLookupError
    number = signal.Signals[f"SIG{name}"]
    when = time.time()
    signal.pidfd_send_signal(pidfd, number)
    os.close(pidfd)
    return when


def end(mark: str, first: list[int]) -> bool:
    """End the first ones, which could start others, then all that carry the mark.  False: some are left."""
    _end(first, mark)
    for _ in range(ROUNDS):
        left = marked(mark)
        if not left:
            return True
        _end(left, mark)
    return not marked(mark)


def _end(pids: list[int], mark: str) -> None:
    pidfds = [pidfd for pid in pids if (pidfd := open_marked(pid, mark)) >= 0]
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = [pidfd for pidfd in pidfds if _signal(pidfd, number)]
        _wait(left)
    for pidfd in pidfds:
        os.close(pidfd)


def _signal(pidfd: int, number: int) -> bool:
    """Send the signal; False if the process is gone."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True


def _wait(pidfds: list[int]) -> None:
    """Wait until all are dead, at most GRACE.  The pidfd of a dead process is readable."""
    poll = select.poll()
    for pidfd in pidfds:
        poll.register(pidfd, select.POLLIN)
    left, deadline = len(pidfds), time.monotonic() + GRACE
    while left and time.monotonic() < deadline:
        for pidfd, _ in poll.poll(GRACE * 1000):
            poll.unregister(pidfd)
            left -= 1


def _print_ports(count: int) -> int:
    from base import libraries
    from base.exits import UNAVAILABLE

    if not libraries.psutil_home():
        return UNAVAILABLE
    print(*free_ports(count))
    return 0


def _print_kill(mark: str, pid: int, name: str) -> int:
    from state import record

    try:
        print(record.iso_time(kill(mark, pid, name)))
    except ProcessLookupError:
        return 1
    return 0


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    word, words = (argv[0], argv[1:]) if argv else ("", [])
    if word == "ports" and len(words) == 1 and words[0].isdigit():
        return _print_ports(int(words[0]))
    if word == "kill" and len(words) == 3 and words[1].isdigit() and hasattr(signal, f"SIG{words[2]}"):
        return _print_kill(words[0], int(words[1]), words[2])
    if word == "end" and words and all(pid.isdigit() for pid in words[1:]):
        return 0 if end(words[0], [int(pid) for pid in words[1:]]) else 1
    print("usage: demonstrate.py ports COUNT | kill MARK PID SIGNAL | end MARK [PID]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
