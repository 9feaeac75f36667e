"""Has the kernel killed a process to free memory, and which?

    >>> kills("/sys/fs/cgroup/monitor.service/hoard.6e0c9a1b2c3d4e5f.monitored")
    1
    >>> victim(812, "/sys/fs/cgroup/monitor.service/hoard.6e0c9a1b2c3d4e5f.monitored")
    'pid 812 (hoard) had 31M'

A cgroup with a memory controller counts such kills, under its own cap and for lack of memory on the whole machine.
Which process it was, and how much it had, stands in the kernel's log alone, which root may read.

Source: memory.events of cgroup-v2.rst; memory.oom_control of cgroup-v1/memory.rst; mm/oom_kill.c and dev-kmsg of the
kernel.
"""

from __future__ import annotations

import os

from proc import controllers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 8192  # a record of the kernel's log is never longer


def kills(group: str) -> int:
    """How many processes of this cgroup it has killed; -1: it has no memory controller of its own."""
    found = controllers.words(f"{group}/memory.events")
    if not found:
        found = controllers.words(f"{controllers.v1('memory')}/{group.rpartition('/')[2]}/memory.oom_control")
    return int(found[found.index("oom_kill") + 1]) if "oom_kill" in found else -1


def victim(pid: int, group: str = "") -> str:
    """The newest process of the cgroup that it has killed, else this pid; "" if the log does not say so.

    In a container the log has numbers that are not ours; the name of a cgroup is the same everywhere.
    """
    lines = list(_kernel_lines())
    name = f"/{group.rpartition('/')[2]},".encode() if group else b""
    told = [line for line in lines if name and b",task_memcg=" in line and name in line]
    words = told[-1].partition(b"\n")[0].rpartition(b",pid=")[2].split(b",") if told else [b"%d" % pid]
    needle = b"Killed process %b (" % words[0]
    for line in reversed(lines):
        _, is_it, rest = line.partition(needle)
        if is_it:
            return _in_words(words[0].decode(), rest.decode("ascii", "replace"))
    return ""


def _in_words(pid: str, rest: str) -> str:
    """rest: `hoard) total-vm:78052kB, anon-rss:16256kB, file-rss:5776kB, shmem-rss:0kB, UID:0 …`."""
    name, _, figures = rest.rpartition(") total-vm:")
    amounts = (word.partition(":") for word in figures.split())
    kib = sum(_number(kb) for what, _, kb in amounts if what in ("anon-rss", "shmem-rss"))
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    return f"pid {pid} ({shown}) had {kib >> 10}M"


def _number(text: str) -> int:
    digits = text.rstrip("kB,")
    return int(digits) if digits.isdigit() else 0


def _kernel_lines() -> Iterator[bytes]:
    """The records of the kernel's log, oldest first; none if we may not read it."""
    try:
        log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        yield from _records(log)
    finally:
        os.close(log)


def _records(log: int) -> Iterator[bytes]:
    while True:
        try:
            yield os.read(log, PIECE)
        except BrokenPipeError:
            continue  # the kernel overwrote this part while we read; the next read continues after the gap
        except OSError:
            return
