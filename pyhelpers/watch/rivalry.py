"""Another process restarts the server by itself: leave the start to it, and never run a second copy beside its own.

proc/rivals.py has the rules who is a rival.  We know it from three moments:

* a death: we send `rival` before the report, so the shell can let it wait rival_wait before our start;
* this wait: we look at the children of the rival, a little later each time, and at pidfile and log.  A process of full
  identity there is the server.  If none comes, our start searches the process table once more, and then ours counts;
* afterwards: the rival may be late, or a shell in which someone has typed a loop.  Every interval, and when our start
  has succeeded, we look at its children.  One with full identity that has stayed up for start_seconds is a second
  copy: we follow it, and end ours, because the rival would replace its own again and again.

A rival that has restarted the server once is one for certain, even if it is of a kind that only starts programs.
We know the rival as long as the process lives that was the parent of a process that we followed.
"""

from __future__ import annotations

import os

from base.clock import TICKS_PER_SECOND, boot_seconds
from loop import descendants
from loop.leftovers import end_leftovers
from loop.terminate import Ending, could_not_end
from proc import evidence, identity, rivals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from loop.loop import Timer
    from proc.identity import Process
    from proc.rivals import Rival
    from watch.lifecycle import Life

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 20, 500


def announce(life: Life) -> None:
    """The server has died, which the shell hears next: has it a rival, for which our start should wait?"""
    server, before = life.server, life.rivalry
    if not server.rival_ms:
        return
    rival = rivals.parent_alive(life.account.dead, server.stop_tree)
    if not rival:
        return
    life.rivalry = Rivalry(life, rival)
    life.rivalry.is_proven = before is not None and before.is_proven and before.is_about(rival)
    if rivals.merely_starts(rival) and not life.rivalry.is_proven:
        return
    server.message = f"its parent, pid {rival.pid} ({rival.name}), restarts it by itself"
    life.surely_absent = False
    life.watcher.emit("rival", server, f"{server.rival_ms} {server.message}")


class Rivalry:
    """One server and its rival.  is_proven: it has restarted the server."""

    __slots__ = ("_life", "_pause", "_rival", "_since", "_timer", "is_proven")

    def __init__(self, life: Life, rival: Rival) -> None:
        self._life = life
        self._rival = rival
        self._since = life.account.dead.ticks
        self._pause = FIRST_PAUSE_MS
        self._timer: Timer | None = None
        self.is_proven = False

    def is_about(self, rival: Rival) -> bool:
        """Is it the same process?"""
        return (rival.pid, rival.ticks) == (self._rival.pid, self._rival.ticks)

    def wait(self) -> None:
        """Our start waits: look for its new process until rest()."""
        self._timer = self._life.watcher.loop.after(self._pause, self._look)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_MS)

    def rest(self) -> None:
        """Look no more for now."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        life = self._life
        process, source = next(self._copies(), None), "scan"
        if not process:
            process, source, _ = evidence.named(life.server, life.watcher.directories)
        if process and process.pid != self._rival.pid and life.adopt(process, source):
            self.is_proven = True
        else:
            self.wait()

    def _copies(self) -> Iterator[Process]:
        """Its children that are the server, by identity, and younger than the one that has died."""
        life = self._life
        for pid in _children(self._rival.pid) if self._rival.lives() else []:
            process = identity.look(pid)
            if not process or process.pid == life.server.pid or process.ticks < self._since:
                continue
            if self._rival.unit and rivals.unit_of(pid) != self._rival.unit:
                continue
            if not evidence.objection_to(process, life.server, life.watcher.directories):
                yield process

    def look_beside(self) -> None:
        """Ours runs.  Has the rival started a copy beside it that stays up?"""
        life, server = self._life, self._life.server
        if server.mode != "launched" or life.phase != "up":
            return
        if not self._rival.lives():
            life.rivalry = None
            return
        copy = next(self._copies(), None)
        if not copy:
            return
        rest_ms = server.start_ms - (boot_seconds() - copy.ticks / TICKS_PER_SECOND) * 1000
        if rest_ms <= 0:
            self._give_way(copy)
        elif not self._timer:
            self._timer = life.watcher.loop.after(rest_ms + 1, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self.look_beside()

    def _give_way(self, copy: Process) -> None:
        life, server = self._life, self._life.server
        ours = server.pid, server.ticks
        descendants.remember(life.watcher, server)
        if not life.adopt(copy, "scan", "moved"):
            return
        self.is_proven = True
        life.told = ours
        dead, host = life.account.dead, life.watcher
        parent = f"its parent, pid {self._rival.pid} ({self._rival.name}),"
        host.say(server, f"{parent} has started it too, as pid {copy.pid}; ours, pid {ours[0]}, is ended")
        Ending(host.loop, [ours], server.stop, lambda stuck: end_leftovers(host, server, dead, self._say_stuck))

    def _say_stuck(self, stuck: list[int]) -> None:
        for pid in stuck:
            self._life.watcher.say(self._life.server, could_not_end(pid))


def _children(pid: int) -> Iterator[int]:
    """The children that any of its threads has made."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        yield from identity.children(pid, int(thread))
