"""Does this process descend from a server?  Proof of it, whether the server still lives or not.

    >>> descent = Descent(sid=812, seen=90031, invocation="6e0c…", owner=0)
    >>> descent.members(table_of([901, 902]))
    {901: 88412}

Four proofs, none of which a stranger can forge: it was seen among the server's descendants; its parent is proved; it is
in the server's session; its environment has the INVOCATION_ID of the server's launch, and its user is the server's or
root.

A number proves nothing alone: the kernel gives the number of an empty session to anybody.  But while a session has a
member, its number is given to nobody else (the pid is in use), and a process leaves its session only for one of its own
number.  So a process that started before a moment at which the session was the server's, and that is in a session of
that number now, has been in the server's session all the time; and while one such member lives, all in it are members.
An orphan alone proves nothing: our other servers leave orphans too.  A cgroup would be a fifth proof: Descent.proves().

Source: credentials(7), setsid(2), proc(5); kernel/pid.c: free_pid().
"""

from __future__ import annotations

from base.clock import TICKS_PER_SECOND, boot_seconds
from proc import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from proc.server import Server

    # processes by their pids
    Table = Mapping[int, "Row"]

PPID, SESSION, TICKS = 1, 3, 19  # places in identity.stat_fields()
MOST_MARKS = 1 << 12

_marks: dict[tuple[int, int], str] = {}  # (pid, start ticks) -> INVOCATION_ID of each that was read


def ticks_now() -> int:
    """Now, in the unit of start ticks.  What started in an earlier tick has a smaller number."""
    return int(boot_seconds() * TICKS_PER_SECOND)


class Row:
    """Of one process, what descent is about: see identity.Process."""

    __slots__ = ("ppid", "sid", "state", "ticks")

    def __init__(self, fields: list[str]) -> None:
        self.state, self.ppid, self.sid, self.ticks = (
            fields[0],
            int(fields[PPID]),
            int(fields[SESSION]),
            int(fields[TICKS]),
        )


def table_of(pids: Iterable[int]) -> dict[int, Row]:
    """Those of them that there are, zombies too."""
    found = ((pid, identity.stat_fields(pid)) for pid in pids)
    return {pid: Row(fields) for pid, fields in found if fields}


class Descent:
    """What leads from a server's descendants to it.

    sid: the session that was made for it or by it, 0: none; seen: when that was last known to be the server's, in ticks
    since boot; invocation: the id of its launch, "" where that is not known; owner: its uid; kids: pid -> start ticks
    of descendants that were seen.
    """

    __slots__ = ("invocation", "kids", "owner", "seen", "sid")

    def __init__(self, sid: int = 0, seen: int = 0, invocation: str = "", owner: int = -1) -> None:
        self.sid, self.seen, self.invocation, self.owner = sid, seen, invocation, owner
        self.kids: dict[int, int] = {}

    @classmethod
    def of(cls, server: Server) -> Descent:
        """What leads to a living server."""
        found = Descent(server.sid, server.seen, server.invocation, server.owner)
        found.kids = server.kids
        return found

    def is_empty(self) -> bool:
        """Can no process be proved to descend from it?"""
        return not (self.sid or self.invocation or self.kids)

    def forget(self) -> None:
        """Nothing of it is left."""
        self.sid = self.seen = 0
        self.invocation = ""
        self.kids = {}

    def proves(self, pid: int, ticks: int, sid: int) -> bool:
        """Is it proved by what was seen?"""
        return self.kids.get(pid) == ticks or (self.sid != 0 and sid == self.sid and ticks < self.seen)

    def is_marked(self, pid: int, ticks: int) -> bool:
        """Does it carry the launch's id, under the right user?

        A descendant under another user may show its environment to strangers, and only to them it is of use.
        """
        if not self.invocation or mark(pid, ticks) != self.invocation:
            return False
        return identity.real_uid(pid) in (0, self.owner) and identity.ticks_of(pid) == ticks

    def left(self, process: identity.Process) -> bool:
        """Does this process descend from it?"""
        return self.proves(process.pid, process.ticks, process.sid) or self.is_marked(process.pid, process.ticks)

    def members(self, table: Table, others: Container[int] = ()) -> dict[int, int]:
        """Pid and start ticks of all the living in the table that descend from it.

        others: who does not, nor what it started.
        """
        rows = {pid: row for pid, row in table.items() if pid not in others}
        found = {pid: row.ticks for pid, row in rows.items() if self.proves(pid, row.ticks, row.sid)}
        unproved = [(pid, row) for pid, row in rows.items() if pid not in found]
        found.update((pid, row.ticks) for pid, row in unproved if self.is_marked(pid, row.ticks))
        if self.sid and any(rows[pid].sid == self.sid for pid in found):
            found.update((pid, row.ticks) for pid, row in unproved if row.sid == self.sid)
        _add_children(found, rows)
        return {pid: ticks for pid, ticks in found.items() if rows[pid].state not in "ZX"}


def _add_children(found: dict[int, int], table: Table) -> None:
    """Add those of the table whose parents are found, and theirs in turn; no child is older than its parent."""
    children: dict[int, list[int]] = {}
    for pid, row in table.items():
        children.setdefault(row.ppid, []).append(pid)
    unseen = list(found)
    while unseen:
        parent = unseen.pop()
        for pid in children.get(parent, ()):
            ticks = table[pid].ticks
            if pid not in found and ticks >= found[parent]:
                found[pid] = ticks
                unseen.append(pid)


def mark(pid: int, ticks: int) -> str:
    """The INVOCATION_ID in its environment: remembered, for a program executed without it descends all the same."""
    known = _marks.get((pid, ticks))
    if known:
        return known
    text = identity.invocation(pid)
    if text:
        if len(_marks) >= MOST_MARKS:
            _marks.clear()
        _marks[pid, ticks] = text
    return text
