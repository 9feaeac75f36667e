"""Where does the kernel put the core of a process that has ended?  What core_pattern says: core(5).

    $ cd pyhelpers; python3 -m proc.core_pattern '/var/cores/%e.%p' 0 812 11 1000
    /var/cores/*.812

The arguments are the pattern, core_uses_pid, and the pid, signal and uid of the process.
"""

from __future__ import annotations

import os
import sys

PATTERN = "/proc/sys/kernel/core_pattern"
USES_PID = "/proc/sys/kernel/core_uses_pid"
PIPES = ("|", "@")  # a program, or, from Linux 6.16 on, a socket, gets the core
WILD = "*?["


def of_machine() -> tuple[str, bool]:
    """The pattern, and whether the pid is added to a pattern without it.  Raises OSError."""
    with open(PATTERN, encoding="utf-8", errors="surrogateescape") as source:
        pattern = source.read().rstrip("\n")
    with open(USES_PID, encoding="ascii") as source:
        return pattern, source.read().strip() != "0"


def expanded(pattern: str, uses_pid: bool, pid: int, signal: int, uid: int) -> str:
    """The path as a glob (base/globs.py): a star for what we do not know, such as the time.  It may be relative."""
    known = {"p": str(pid), "P": str(pid), "s": str(signal), "u": str(uid), "h": os.uname().nodename, "%": "%"}
    path = ""
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter != "%":
            path += letter
        elif at < len(pattern):  # a single % at the end is dropped
            path += "".join("?" if each in WILD else each for each in known.get(pattern[at], "")) or "*"
            at += 1
    return path + (f".{pid}" if uses_pid and not has_pid(pattern) else "")


def has_pid(pattern: str) -> bool:
    """Does the name hold the pid, so that the next core does not replace this one?"""
    return any(f"%{letter}" in pattern.replace("%%", "") for letter in "pP")


if __name__ == "__main__":
    print(expanded(sys.argv[1], sys.argv[2] != "0", *map(int, sys.argv[3:6])))
