"""The life of a server with sockets: a new process of it can start beside the old one and replace it: watch/overlap.py.

Only such servers get it; that of all others, and what it loads, is not touched by it.
"""

from __future__ import annotations

import time

from config.life_settings import has_any
from watch.around_life import AroundLife
from watch.lifecycle import Life

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Supervisor
    from proc.identity import Process
    from proc.server import Server
    from watch.overlap import Overlap

OVERTAKEN = "overtaken by a later order"


class Replaceable(Life):
    """overlap: the one that is under way, if there is one."""

    overlap: Overlap | None = None

    def replace(self, process: Process, of: Server) -> bool:
        """Follow this process of ours instead, which was launched as `of` says.  False: it has ended by now."""
        if not self.follow(process, "own", "launched"):
            return False
        server = self.server
        server.invocation, server.cgroup, server.program = of.invocation, of.cgroup, of.program
        server.oom_kills = server.moved_logs = 0
        self._cancel()
        self._become("up", "RUNNING")
        server.is_seen()
        self._know_owner()
        return True

    def _end_overlap(self, why: str) -> None:
        if self.overlap:
            self.overlap.cancel(why)

    def start(self, wait_ms: int) -> None:
        """As any life, unless its next process is on its way already."""
        overlap = self.overlap
        if not overlap or not overlap.is_starting or self.server.pid:
            super().start(wait_ms)
            return
        self.pending.answered()
        self._cancel()
        since, self._died_at = self._died_at or time.monotonic(), 0.0
        self._become("starting", "STARTING")
        overlap.take_over(since)

    def leave(self, state: str, message: str, remedy: str = "") -> None:
        """As any life; no new process of it is wanted."""
        self._end_overlap(f"the server is left alone: {message}")
        super().leave(state, message, remedy)

    def stop(self, search: bool = True) -> None:
        """As any life; end the new process too."""
        self._end_overlap(OVERTAKEN)
        super().stop(search)

    def stopped(self, rest: str) -> None:
        """As any life, as soon as no second process of it is left."""
        tell = super().stopped
        if self.overlap:
            self.overlap.then(lambda: tell(rest))
        else:
            tell(rest)

    def set_want(self, want: str) -> None:
        """As any life; a paused server is not replaced."""
        if want == "paused":
            self._end_overlap(OVERTAKEN)
        super().set_want(want)

    def forget_all(self) -> None:
        """As any life; the record leads to a second process."""
        if self.overlap:
            self.overlap.forget()
        super().forget_all()


class ReplaceableAround(Replaceable, AroundLife):
    """The same, with commands around it."""


def made(server: Server, watcher: Supervisor, directory: str) -> Life:
    """The life of this server, of the kind that it needs."""
    is_around, has_sockets = has_any(server), server.ends is not None and bool(server.ends.sockets)
    kinds = {
        (False, False): Life,
        (True, False): AroundLife,
        (False, True): Replaceable,
        (True, True): ReplaceableAround,
    }
    return kinds[is_around, has_sockets](server, watcher, directory)
