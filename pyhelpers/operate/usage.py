"""How much CPU and memory do servers use?  By one read of /proc/PID/stat each: proc(5)."""

from __future__ import annotations

import os

from base.clock import TICKS_PER_SECOND, boot_seconds
from proc import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAGE = os.sysconf("SC_PAGE_SIZE")
LEAST_AGE = 0.01  # seconds: the clock that counts CPU time ticks no faster


class Usage:
    """What processes use.  earlier: the CPU counts from that usage on; without it, from the start of a process on."""

    def __init__(self, earlier: Usage | None = None) -> None:
        self.spent: dict[tuple[int, int], tuple[int, float]] = {}  # by pid and start ticks: CPU ticks, and boot seconds
        self._earlier = earlier.spent if earlier else {}

    def of(self, process: identity.Process) -> dict[str, Any]:
        """cpu_percent (100: one core) and memory_bytes (RSS); {} if it has ended."""
        fields = identity.stat_fields(process.pid)
        if not fields or int(fields[19]) != process.ticks:
            return {}
        return self.by(process.pid, fields)

    def by(self, pid: int, fields: list[str]) -> dict[str, Any]:
        """The same by its stat fields, from field 3 (state) on, as they are now."""
        now, start = boot_seconds(), int(fields[19])
        ticks = int(fields[11]) + int(fields[12])
        before, since = self._earlier.get((pid, start), (0, start / TICKS_PER_SECOND))
        self.spent[pid, start] = ticks, now
        return {
            "cpu_percent": round(100 * (ticks - before) / TICKS_PER_SECOND / max(now - since, LEAST_AGE), 1),
            "memory_bytes": int(fields[21]) * PAGE,
        }


def open_files(pid: int) -> int | None:
    """How many descriptors it has open; None if we may not see them."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None
