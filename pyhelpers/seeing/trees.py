"""How much do servers use, each with all the processes that it has started?  A tree is a cgroup, or the descendants.

Source: proc(5): stat, limits and smaps_rollup; cpu.stat of cgroup-v2.rst.
"""

from __future__ import annotations

import os

from base.clock import TICKS_PER_SECOND
from health import cgroup_usage, usage
from proc import cgroup, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from health.usage import Tree

US = 1e-6  # seconds


class Trees:
    """One look at the processes of this machine; it reads their whole table at most once."""

    def __init__(self) -> None:
        self._table: Tree = {}
        self._children: dict[int, list[int]] = {}

    def of(self, pid: int, group: str) -> TreeUsage:
        """What the process with this pid has started.  group: the cgroup of its launch, or ""."""
        inside = cgroup.members(group) if group else []
        if pid in inside:
            return TreeUsage(pid, {each: fields for each in inside if (fields := identity.stat_fields(each))}, group)
        if not self._table:
            self._read()
        return TreeUsage(pid, {each: self._table[each] for each in self._below(pid)}, "")

    def _read(self) -> None:
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            fields = identity.stat_fields(pid)
            if fields:
                self._table[pid] = fields
                self._children.setdefault(int(fields[usage.PPID]), []).append(pid)

    def _below(self, pid: int) -> list[int]:
        found = []
        unseen = [pid] if pid in self._table else []
        while unseen:
            found.append(unseen.pop())
            unseen += self._children.get(found[-1], [])
        return found


class TreeUsage:
    """Of one tree; None for what we may not see.  counted_by: what counts its processor time, by a name."""

    def __init__(self, pid: int, tree: Tree, group: str) -> None:
        self.pid, self._tree, self._group = pid, tree, group
        self._living = usage.living(tree)
        fields = tree.get(pid)
        self.counted_by = group.rpartition("/")[2] or (f"{pid} {fields[usage.TICKS]}" if fields else "")

    def processor(self) -> float | None:
        """Seconds of processor time; without a cgroup, of what has ended only what a parent has reaped."""
        if self._group:
            used = cgroup_usage.Usage(self._group).processor_us()
            if used != cgroup_usage.UNKNOWN:
                return used * US
        works = [usage.Work(fields) for fields in self._tree.values()]
        return sum(work.own + work.children for work in works) / TICKS_PER_SECOND if works else None

    def rss(self) -> int | None:
        """Bytes; a page that several processes share counts for each."""
        return usage.rss(self._tree) if self._tree else None

    def pss(self) -> int:
        """Bytes; such a page is divided among them; -1: we may not see it.  It may wait long: seeing/patience.py."""
        return usage.pss(self._living) if self._living else -1

    def processes(self) -> int | None:
        """How many live."""
        return len(self._living) or None

    def open_fds(self) -> int | None:
        """Of the server's own process, to which the limit applies."""
        count = usage.open_files([self.pid])
        return count if count > 0 else None

    def max_fds(self) -> float | None:
        """The soft limit of its own process; infinite: unlimited."""
        try:
            with open(f"/proc/{self.pid}/limits", "rb") as limits:
                words = next((line.split() for line in limits if line.startswith(b"Max open files")), [])
        except OSError:
            return None
        if not words:
            return None
        return float("inf") if words[3] == b"unlimited" else int(words[3])
