"""End what a dead server left behind: it would hold the port against its successor.

Found by descent, never by name: the children that it had, the members of the session that was
made for it, and those of its orphans that became ours.  Each is ended by pidfd and start ticks.
"""

from __future__ import annotations

import identity
from ending import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from server import Server
    from walk import Found
    from watcher import Watcher


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

    def left(self, process: identity.Process) -> bool:
        """Is this process one of those?"""
        return self.kids.get(process.pid) == process.ticks or (self.sid != 0 and process.sid == self.sid)


def end_leftovers(watcher: Watcher, server: Server, dead: Dead, then: Callable[[], None]) -> None:
    """End them by the server's stop sequence, unless stop_tree says no; then go on."""
    if not server.stop_tree:
        then()
    elif dead.sid and dead.adopted:
        watcher.sessions.want(dead.sid, lambda members: _end(watcher, server, dead, members, then))
    else:
        _end(watcher, server, dead, [], then)


def _end(watcher: Watcher, server: Server, dead: Dead, members: Found, then: Callable[[], None]) -> None:
    """members: those of the dead one's session, where they are not our children."""
    left = {pid: ticks for pid, ticks in dead.kids.items() if identity.ticks_of(pid) == ticks}
    left.update(members)
    if dead.sid:
        left.update((orphan.pid, orphan.ticks) for orphan in watcher.orphans(dead.sid) if orphan.sid == dead.sid)
    if left:
        Ending(watcher.loop, list(left.items()), server.stop, lambda stuck: then())
    else:
        then()
