"""End what a dead server left behind: it would keep the port from its successor.

A leftover is found by proof, never by name: see proc/descent.py.  We end each one by pidfd and start ticks.  The
leftovers of an adopted server are not our children, so we search the process table for them; those of all other servers
are orphans, which become our children.
"""

from __future__ import annotations

import time

from loop import cgroups, descendants
from loop.terminate import Ending
from proc import cause, cgroup, identity
from proc.descent import Descent
from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from loop.host import Host
    from proc.server import Server

    Then = Callable[[list[int]], None]

FRESH = 0.02  # seconds: a look at the orphans is still valid for a start that follows at once
LONGEST_SEARCH_MS = 2000
KILL_MS = 5  # for what was killed in a cgroup to end
ROUNDS = 20  # against a tree that forks while it is being ended


class Dead(Descent):
    """The last process of a server: its pid and start ticks, and the evidence that leads to its leftovers.

    adopted: it was not our descendant.  looked_at: when kids was last known to be complete, on the monotonic clock.
    took: what the end of its leftovers took, as of Ending; "" if little.
    is_stuck: we know no other process of the server any more, but this one outlived its end.
    is_populated: something lived in its cgroup when inside() last looked.
    images: of the process, see proc/succession.py; parent and unit: see proc/rivals.py.
    """

    __slots__ = ("adopted", "images", "is_populated", "is_stuck", "looked_at", "parent", "pid", "ticks", "took", "unit")

    def __init__(self, server: Server) -> None:
        super().__init__(server.sid, server.seen, server.invocation, server.owner, server.cgroup)
        self.pid, self.ticks = server.pid, server.ticks
        self.kids = server.kids
        self.images, self.parent, self.unit = server.images, server.parent, server.unit
        self.adopted = server.mode == "adopted"
        self.looked_at = 0.0
        self.took = ""
        self.is_populated = self.is_stuck = False

    def inside(self) -> list[int]:
        """As for a living server; in most cases the cgroup is empty, which is quickly known."""
        self.is_populated = self.cgroup != "" and cgroup.is_populated(self.cgroup)
        return super().inside() if self.is_populated else []

    @classmethod
    def of_launch(cls, server: Server, pid: int, ticks: int) -> Dead:
        """A process that we launched into a session of its own, and that ended before we could follow it."""
        dead = cls(server)
        dead.pid, dead.ticks, dead.sid, dead.seen = pid, ticks, pid, ticks
        dead.kids, dead.adopted = {}, False
        dead.images, dead.parent, dead.unit = (), (0, 0), ""
        return dead

    @classmethod
    def of_record(cls, server: Server, known: dict[str, str], boot: str) -> Dead | None:
        """The process that the record names: an earlier monitor or command followed it.

        None: it names none, or one of another boot, whose pids and sessions mean nothing in this one.
        """
        if not known.get("pid") or known["boot"] != boot:
            return None
        dead = cls(server)
        dead.pid, dead.ticks = int(known["pid"]), int(known["ticks"])
        dead.sid, dead.seen = int(known["sid"] or 0), int(known["seen"] or 0)
        dead.invocation, dead.cgroup = known["invocation"], known["cgroup"]
        dead.owner, dead.kids = int(known["uid"] or server.owner), record.kids_of(known["kids"])
        dead.adopted = True
        dead.images = tuple(filter(None, known["images"].split(",")))
        dead.parent, dead.unit = (int(known["parent"] or 0), int(known["parent_ticks"] or 0)), known["unit"]
        return dead


def look_at_orphans(host: Host, dead: Dead, listed: bool = False) -> None:
    """Note its descendants.  While it is our zombie, no other session can have the number of its session.

    listed: see descendants.orphans().
    """
    found = descendants.orphans_of(host, dead, dead.pid, dead.ticks, listed)
    dead.kids = {**_living(dead.kids), **found}
    dead.looked_at = time.monotonic()


def reap(host: Host, dead: Dead, listed: bool = False) -> str:
    """Note its orphans, unless it was adopted, and reap it; how it ended, "unknown" if it is not our child.

    listed: see descendants.orphans().
    """
    if not dead.adopted:
        host.loop.errands.add(dead.pid)  # do not reap it with the orphans
        try:
            look_at_orphans(host, dead, listed)
        finally:
            host.loop.errands.discard(dead.pid)
    return cause.of_child(dead.pid) or cause.UNKNOWN


def has_left(dead: Dead) -> bool:
    """Does one of the leftovers that we know still live?"""
    found = ((identity.look(pid), ticks) for pid, ticks in dead.kids.items())
    return any(process and process.ticks == ticks for process, ticks in found)


def _living(known: dict[int, int]) -> dict[int, int]:
    return {pid: ticks for pid, ticks in known.items() if identity.ticks_of(pid) == ticks}


def end_leftovers(host: Host, server: Server, dead: Dead, then: Then, rounds: int = ROUNDS) -> None:
    """End the leftovers by the server's stop sequence, unless stop_tree says no; then call then.

    then: gets the pids of those that could not be ended; dead.kids has them too.
    """
    if not server.stop_tree or dead.is_empty():
        then([])
    elif dead.adopted:
        _seek(host, server, lambda members: _end(host, server, dead, members, then, rounds))
    else:
        if time.monotonic() - dead.looked_at > FRESH:
            look_at_orphans(host, dead)
        _end(host, server, dead, {}, then, rounds)


def _seek(host: Host, server: Server, then: Callable[[dict[int, int]], None]) -> None:
    """Search the process table.  A /proc file may block, so go on without what is not found in time."""
    is_over = False

    def found(members: Iterable[tuple[int, int]]) -> None:
        nonlocal is_over
        if not is_over:
            is_over = True
            late.cancel()
            then(dict(members))

    late = host.loop.after(LONGEST_SEARCH_MS, lambda: found(()))
    host.leftovers.want(server.number, found)


def whole_end(took: str, dead: Dead) -> str:
    """What the end of the process and of its leftovers took beyond a first signal.  took: that of the process alone."""
    return took or (dead.took and f"{dead.took} for what it left behind")


def _left_by_ours(host: Host, dead: Dead, known: dict[int, int]) -> dict[int, int]:
    """Those in known that live, and theirs; if all of them have just ended, what they handed to us."""
    left = descendants.with_theirs(host, known)
    if left or not dead.kids:
        return left
    return descendants.members(host, dead, dead.pid, dead.ticks, {})


def _end(host: Host, server: Server, dead: Dead, members: dict[int, int], then: Then, rounds: int) -> None:
    """members: those that the search found.  Another round kills what they fork meanwhile, a cgroup in one step."""
    known = {**_living(dead.kids), **members}
    if dead.adopted:
        left = descendants.with_theirs(host, known)
    else:
        left = _left_by_ours(host, dead, known)
    if not left:
        if rounds and dead.is_populated and cgroups.kill(host, dead):  # what is there is another process at every look
            host.loop.after(KILL_MS, lambda: end_leftovers(host, server, dead, then, rounds - 1))
            return
        dead.forget()
        then([])
        return
    dead.kids, dead.looked_at = left, 0.0
    if not rounds:
        then(list(left))
        return
    steps = server.stop if rounds == ROUNDS else cgroups.killing_steps(host, dead)
    ending: Ending | None = None  # until its constructor returns: all may have ended by now

    def ended(stuck: list[int]) -> None:
        dead.took = dead.took or (ending.took if ending else "")
        end_leftovers(host, server, dead, then, 0 if stuck else rounds - 1)

    ending = Ending(host.loop, list(left.items()), steps, ended)
