"""Does this process descend from a server?  The proof works whether the server still lives or not.

    >>> descent = Descent(sid=812, seen=90031, invocation="6e0c…", owner=0)
    >>> descent.members(table_of([901, 902]))
    {901: 88412}

There are five proofs, and a stranger can forge none of them: we saw the process among the server's descendants; its
parent is proved; it is in the server's session; its environment has the INVOCATION_ID of the server's launch, and its
user is the server's or root; or it is in the cgroup that we made for the launch (proc/cgroup.py).

The number of a session alone proves nothing: once a session is empty, the kernel may assign its number to any other
process.  While a session has a member, the kernel assigns its number to no other process (the pid is in use), and a
process leaves its session only for a new one with its own pid as number.  So take a process that started before a
moment at which the session was the server's.  If it is in a session of that number now, it has been in the server's
session all the time; and while such a member lives, every process in the session is a member.  An orphan alone proves
nothing: our other servers leave orphans too.

Source: credentials(7), setsid(2), pid_namespaces(7), proc(5); kernel/pid.c: free_pid().
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

_marks: dict[tuple[int, int], str] = {}  # (pid, start ticks) -> INVOCATION_ID of each process that we have read


def ticks_now() -> int:
    """Now, in the unit of start ticks.  A process that started in an earlier tick has a smaller number."""
    return int(boot_seconds() * TICKS_PER_SECOND)


class Row:
    """The fields of one process that descent needs: see identity.Process."""

    __slots__ = ("ppid", "sid", "state", "ticks")

    def __init__(self, fields: list[str]) -> None:
        self.state, self.ppid, self.sid, self.ticks = (
            fields[0],
            int(fields[PPID]),
            int(fields[SESSION]),
            int(fields[TICKS]),
        )


def table_of(pids: Iterable[int]) -> dict[int, Row]:
    """The rows of those pids that exist, zombies too."""
    found = ((pid, identity.stat_fields(pid)) for pid in pids)
    return {pid: Row(fields) for pid, fields in found if fields}


class Descent:
    """The evidence that leads from descendants to their server.

    sid: the session that was made for the server or by it, 0: none; seen: the last time at which we knew that session
    to be the server's, in ticks since boot; invocation: the id of its launch, "" if unknown; owner: its uid; cgroup:
    the directory of that launch's, "" if none was made; kids: pid -> start ticks of the descendants that we have seen.
    """

    __slots__ = ("cgroup", "invocation", "kids", "owner", "seen", "sid")

    def __init__(self, sid: int = 0, seen: int = 0, invocation: str = "", owner: int = -1, cgroup: str = "") -> None:
        self.sid, self.seen, self.invocation, self.owner = sid, seen, invocation, owner
        self.cgroup = cgroup
        self.kids: dict[int, int] = {}

    @classmethod
    def of(cls, server: Server) -> Descent:
        """The evidence of a living server."""
        found = Descent(server.sid, server.seen, server.invocation, server.owner, server.cgroup)
        found.kids = server.kids
        return found

    def is_empty(self) -> bool:
        """Is there no evidence at all, so that no process can be proved to descend from it?"""
        return not (self.sid or self.invocation or self.cgroup or self.kids)

    def forget(self) -> None:
        """Drop the evidence: no descendant is left."""
        self.sid = self.seen = 0
        self.invocation = self.cgroup = ""
        self.kids = {}

    def is_session(self, sid: int) -> bool:
        """Is this the number of its session?

        0 proves nothing: it stands for each session outside our pid namespace, and for that of an init that made none.
        """
        return sid != 0 and sid == self.sid

    def proves(self, pid: int, ticks: int, sid: int) -> bool:
        """Does what we have seen prove that this process descends from it?"""
        return self.kids.get(pid) == ticks or (self.is_session(sid) and ticks < self.seen)

    def is_marked(self, pid: int, ticks: int) -> bool:
        """Does this process carry the launch's id, and run as the right user?

        A descendant that runs as another user may show its environment to strangers, so the id proves nothing there.
        """
        if not self.invocation or mark(pid, ticks) != self.invocation:
            return False
        return identity.real_uid(pid) in (0, self.owner) and is_still(pid, ticks)

    def inside(self) -> list[int]:
        """The pids in its cgroup; [] if it has none.  A look at each of them must follow: numbers are reused."""
        if not self.cgroup:
            return []
        from proc import cgroup

        return cgroup.members(self.cgroup)

    def _are_inside(self, rows: Table) -> dict[int, int]:
        """Pid and start ticks of those in rows that are in its cgroup."""
        return {pid: rows[pid].ticks for pid in self.inside() if pid in rows and is_still(pid, rows[pid].ticks)}

    def is_proved(self, pid: int, ticks: int) -> bool:
        """Is this process marked, or in the cgroup?"""
        return self.is_marked(pid, ticks) or (pid in self.inside() and is_still(pid, ticks))

    def left(self, process: identity.Process) -> bool:
        """Does this process descend from it?"""
        return self.proves(process.pid, process.ticks, process.sid) or self.is_proved(process.pid, process.ticks)

    def members(self, table: Table, others: Container[int] = ()) -> dict[int, int]:
        """Pid and start ticks of all living processes in the table that descend from it.

        others: pids that do not descend from it; their children do not either.
        """
        rows = {pid: row for pid, row in table.items() if pid not in others}
        found = {pid: row.ticks for pid, row in rows.items() if self.proves(pid, row.ticks, row.sid)}
        found.update(self._are_inside(rows))
        unproved = [(pid, row) for pid, row in rows.items() if pid not in found]
        found.update((pid, row.ticks) for pid, row in unproved if self.is_marked(pid, row.ticks))
        if any(self.is_session(rows[pid].sid) for pid in found):
            found.update((pid, row.ticks) for pid, row in unproved if self.is_session(row.sid))
        _add_children(found, rows)
        return {pid: ticks for pid, ticks in found.items() if rows[pid].state not in "ZX"}


def is_still(pid: int, ticks: int) -> bool:
    """Has this process still its number?  Then what we have learned by the number meanwhile is of this process."""
    return identity.ticks_of(pid) == ticks


def _add_children(found: dict[int, int], table: Table) -> None:
    """Add the children of what is found, and their children in turn; a child is never older than its parent."""
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
    """The INVOCATION_ID in its environment.

    We remember it: a process that executes a program without the id still descends from the server.
    """
    known = _marks.get((pid, ticks))
    if known:
        return known
    text = identity.invocation(pid)
    if text:
        if len(_marks) >= MOST_MARKS:
            _marks.clear()
        _marks[pid, ticks] = text
    return text
