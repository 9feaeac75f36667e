"""How much does a server use, by its cgroup?  One file tells it for the whole tree, also of children that have ended.

memory.current counts the file cache too, and that grows until someone else needs the memory: a server that only writes
its log would exceed any limit.  So we count what the kernel cannot take back: anonymous memory, and shared memory with
files on tmpfs.  The text of programs does not count, unlike in RSS and PSS.

Source: memory.current, memory.stat and cpu.stat of cgroup-v2.rst; memory.usage_in_bytes and memory.stat of
cgroup-v1/memory.rst.  cpu.stat has usage_usec in version 2 even where no controller is enabled.
"""

from __future__ import annotations

import time

from proc import cgroup, controllers

UNKNOWN = -1


class Usage:
    """The cgroup of the living process, if that is in it; a server may have moved itself elsewhere."""

    def __init__(self, group: str) -> None:
        self._group = group
        self.pids = cgroup.members(group)

    def memory(self, allowed: int) -> int:
        """Bytes that the kernel cannot take back, or UNKNOWN: no controller counts them.

        allowed: below that, memory.current will do, an upper bound.
        """
        in_v1 = f"{controllers.v1('memory')}/{self._group.rpartition('/')[2]}"
        for directory, current, parts in (
            (self._group, "memory.current", ("anon", "shmem")),
            (in_v1, "memory.usage_in_bytes", ("total_rss", "total_shmem")),
        ):
            bound = controllers.words(f"{directory}/{current}")
            if bound:
                return int(bound[0]) if int(bound[0]) <= allowed else _sum(f"{directory}/memory.stat", parts)
        return UNKNOWN

    def processor_us(self) -> int:
        """Microseconds of processor time since the cgroup was made, or UNKNOWN."""
        return _sum(f"{self._group}/cpu.stat", ("usage_usec",))


def _sum(path: str, keys: tuple[str, ...]) -> int:
    """The sum of the values behind these keys."""
    words = controllers.words(path)
    found = [int(value) for key, value in zip(words[::2], words[1::2]) if key in keys]
    return sum(found) if found else UNKNOWN


class Meter:
    """The part of a core that a cgroup uses between two looks at it."""

    def __init__(self) -> None:
        self._used_us = UNKNOWN
        self._looked_at = 0.0

    def percent(self, usage: Usage) -> int:
        """Percent of one core since the last look; UNKNOWN at the first."""
        before, self._used_us = self._used_us, usage.processor_us()
        since, self._looked_at = self._looked_at, time.monotonic()
        if UNKNOWN in (before, self._used_us):
            return UNKNOWN
        return round((self._used_us - before) / 10_000 / max(self._looked_at - since, 0.01))
