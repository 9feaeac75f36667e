"""A second process of a server, which is to be ended: the one that an overlap has replaced, or one that failed in it.

While there are two processes, the record names the one that stays as usual, and the other one as `beside`:

    PID TICKS SID SEEN UID RUN INVOCATION CGROUP

PID is 0 before its launch is certain: then only INVOCATION, or CGROUP, leads to it.  RUN is that of the copies of the
secrets that the one that stays was launched with, 0: none.  A watcher that finds such a note at its first look ends
that process: so one process is left, whenever the watcher before was killed.
"""

from __future__ import annotations

import os

from loop.batched_scan import Walk
from loop.leftovers import Dead, end_leftovers
from proc import identity, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from loop.host import Followed
    from loop.loop import Loop
    from loop.terminate import Ending
    from proc.server import Server
    from watch.lifecycle import Life

NONE = "-"


def note(of: Dead, run: int = 0) -> str:
    """What leads to this process, as `beside` in a record.  run: see above."""
    numbers = (of.pid, of.ticks, of.sid, of.seen, of.owner, run)
    return f"{' '.join(map(str, numbers))} {of.invocation or NONE} {of.cgroup or NONE}"


def noted(server: Server, text: str) -> tuple[Dead, int]:
    """Undo note().  Raises ValueError."""
    *numbers, invocation, cgroup = text.split(" ", 7)
    dead = Dead(server)
    dead.pid, dead.ticks, dead.sid, dead.seen, dead.owner, run = map(int, numbers)
    dead.invocation, dead.cgroup = invocation.strip(NONE), "" if cgroup == NONE else cgroup
    dead.kids, dead.images, dead.parent, dead.unit = {}, (), (0, 0), ""
    dead.adopted = True  # it may be the child of another process
    return dead, run


class _Host:
    """What ends the leftovers of one process that no server's number leads to: see loop/host.py."""

    def __init__(self, life: Life, dead: Dead) -> None:
        watcher = life.watcher
        self.loop: Loop = watcher.loop
        self.shared: dict[str, object] = watcher.shared
        self.followed: MutableMapping[int, Followed] = watcher.followed
        self.emit, self.say, self.orphans = watcher.emit, watcher.say, watcher.orphans
        self.leftovers = Walk(self.loop, lambda numbers: scan.left(dict.fromkeys(numbers, dead), self._not_these()))

    def _not_these(self) -> set[int]:
        return {os.getpid(), os.getppid(), *self.followed}


class Parting:
    """The end of one process by `stop`, and then of what it leaves behind.

    life: of its server; dead: what leads to it; ending_of: makes the Ending of the process; gone: is called when all
    has ended; stuck: gets the pids that outlive their end, and we try again until they are gone.
    took: what the end took beyond the first signal.
    Until it is gone no scan takes it for the server.
    """

    def __init__(
        self,
        life: Life,
        dead: Dead,
        ending_of: Callable[..., Ending],
        gone: Callable[[], None],
        stuck: Callable[[list[int]], None],
    ) -> None:
        self._life = life
        self._ending_of = ending_of
        self._gone = gone
        self._stuck = stuck
        self._host = _Host(life, dead)
        self._ending: Ending | None = None
        self.dead = dead
        self.took = ""
        self._begin()

    def _begin(self) -> None:
        life, dead = self._life, self.dead
        who = [(dead.pid, dead.ticks)] if dead.pid and identity.ticks_of(dead.pid) == dead.ticks else []
        if who:
            life.watcher.followed[dead.pid] = life
        self._ending = None  # until its constructor returns: the process may have ended by now
        self._ending = self._ending_of(life.watcher.loop, who, life.server.stop, self._ended)

    def extend(self, milliseconds: float) -> None:
        """It asks for so much time from now, to end."""
        if self._ending:
            self._ending.extend(milliseconds)

    def _ended(self, stuck: list[int]) -> None:
        self.took = self.took or (self._ending.took if self._ending else "")
        if stuck:
            self._over(stuck)
            return
        if self._life.watcher.followed.get(self.dead.pid) is self._life and self._life.server.pid != self.dead.pid:
            del self._life.watcher.followed[self.dead.pid]
        end_leftovers(self._host, self._life.server, self.dead, self._over)

    def _over(self, stuck: list[int]) -> None:
        if stuck:
            self._stuck(stuck)
            self._life.watcher.loop.after(self._life.watcher.interval_ms, self._begin)
        else:
            self._gone()
