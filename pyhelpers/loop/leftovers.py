"""End what a dead server left behind: it would hold the port against its successor.

Found by descent, never by name: the children that it had, the members of the session that was
made for it, and those of its orphans that became ours.  Each is ended by pidfd and start ticks.
"""

from __future__ import annotations

from loop.terminate import Ending
from proc import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.batched_scan import Found
    from loop.host import Host
    from proc.server import Server


class Dead:
    """What is remembered of the last process: its pid and start ticks, and what leads to those it left behind.

    sid: its session, if that was its own, else 0; kids: its children, pid -> start ticks; adopted: they were
    not our descendants.
    """

    __slots__ = ("adopted", "kids", "pid", "sid", "ticks")

    def __init__(self, server: Server) -> None:
        self.pid, self.ticks, self.sid = server.pid, server.ticks, server.sid
        self.kids = server.kids
        self.adopted = server.mode == "adopted"

    @classmethod
    def of_launch(cls, server: Server, pid: int, ticks: int) -> Dead:
        """One that we launched into a session of its own, and that ended before it could be followed."""
        dead = cls(server)
        dead.pid, dead.ticks, dead.sid = pid, ticks, pid
        dead.kids, dead.adopted = {}, False
        return dead

    def left(self, process: identity.Process) -> bool:
        """Is this process one of those?"""
        return self.kids.get(process.pid) == process.ticks or (self.sid != 0 and process.sid == self.sid)


def end_leftovers(host: Host, server: Server, dead: Dead, then: Callable[[], None]) -> None:
    """End them by the server's stop sequence, unless stop_tree says no; then go on."""
    if not server.stop_tree:
        then()
    elif dead.sid and dead.adopted:
        host.sessions.want(dead.sid, lambda members: _end(host, server, dead, members, then))
    else:
        _end(host, server, dead, [], then)


def _end(host: Host, server: Server, dead: Dead, members: Found, then: Callable[[], None]) -> None:
    """members: those of the dead one's session, where they are not our children."""
    left = {pid: ticks for pid, ticks in dead.kids.items() if identity.ticks_of(pid) == ticks}
    left.update(members)
    if dead.sid:
        left.update((orphan.pid, orphan.ticks) for orphan in host.orphans(dead.sid) if orphan.sid == dead.sid)
    if left:
        Ending(host.loop, list(left.items()), server.stop, lambda stuck: then())
    else:
        then()
