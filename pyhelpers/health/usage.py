"""How much do these processes use?  Memory, processor time and open files, summed over the tree of a server.

Source: proc(5): utime stime cutime cstime starttime rss of /proc/PID/stat; Pss of /proc/PID/smaps_rollup; /proc/PID/fd.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Tree = dict[int, list[str]]  # stat fields, from field 3 (state) on, by pid

PPID, UTIME, STIME, CUTIME, CSTIME, TICKS, RSS = 1, 11, 12, 13, 14, 19, 21
PAGE = os.sysconf("SC_PAGE_SIZE")


def living(tree: Tree) -> list[int]:
    """The pids that are no zombies: a zombie uses nothing, and we may not be allowed to look at it."""
    return [pid for pid, fields in tree.items() if fields[0] not in "ZX"]


def rss(tree: Tree) -> int:
    """Bytes resident: an upper bound, because a page that several processes share counts for each."""
    return sum(int(fields[RSS]) for fields in tree.values()) * PAGE


def pss(pids: Iterable[int]) -> int:
    """Bytes resident; a page that several processes share is divided among them; -1: we may not look at one of them.

    The kernel walks all their mappings for it, and may wait for their lock: do not call it in the loop.
    """
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
                total += _pss_line(rollup.read())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended, or is a zombie
        except OSError:
            return -1
    return total


def _pss_line(text: bytes) -> int:
    at = text.find(b"\nPss:")
    return int(text[at + 5 :].split(None, 1)[0]) * 1024 if at >= 0 else 0


def open_files(pids: Iterable[int]) -> int:
    """The number of open descriptors; -1: we may not look."""
    try:
        return sum(map(_descriptors, pids))
    except PermissionError:
        return -1


def _descriptors(pid: int) -> int:
    try:
        # Linux >= 6.2 reports the number as the size of the directory; that avoids a list of a hundred thousand
        return os.stat(f"/proc/{pid}/fd").st_size or len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Work:
    """Processor time of one process, in clock ticks: its own, and that of the children that it has reaped."""

    __slots__ = ("children", "own", "ppid", "ticks")

    def __init__(self, fields: list[str]) -> None:
        self.ticks = int(fields[TICKS])
        self.ppid = int(fields[PPID])
        self.own = int(fields[UTIME]) + int(fields[STIME])
        self.children = int(fields[CUTIME]) + int(fields[CSTIME])


class Meter:
    """How much processor time a tree has used between two looks at it."""

    def __init__(self) -> None:
        self._before: dict[int, Work] = {}
        self._looked_at = 0.0

    def gain(self, tree: Tree, boot_ticks: float) -> int:
        """Clock ticks used since the last look, 0 at the first; boot_ticks: now, on the clock of start ticks.

        A process that ends passes its time on to the parent that reaps it; we subtract what we have counted already.
        """
        before, now = self._before, {pid: Work(fields) for pid, fields in tree.items()}
        passed_on: dict[int, int] = {}
        for pid, work in before.items():
            if pid not in now or now[pid].ticks != work.ticks:
                passed_on[work.ppid] = passed_on.get(work.ppid, 0) + work.own + work.children
        total = 0
        for pid, work in now.items():
            known = before.get(pid)
            if known and known.ticks == work.ticks:
                inherited = work.children - known.children - passed_on.get(pid, 0)
                total += work.own - known.own + max(0, inherited)
            elif before and work.ticks >= self._looked_at:  # an older process has joined: do not count its past
                total += work.own + work.children
        self._before, self._looked_at = now, boot_ticks
        return total
