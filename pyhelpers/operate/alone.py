"""The supervisor of one server that no monitor watches: it lives as long as an operator's command takes.

What it ends or starts goes through the same parts as under the watcher; what these tell the shell there decides here
only when the loop ends.
"""

from __future__ import annotations

import os
import sys

from base.libraries import psutil_home
from loop import descendants
from loop.batched_scan import Walk
from loop.leftovers import end_leftovers
from loop.loop import Loop
from proc import cause, identity, scan
from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loop.host import Followed, Store
    from proc.server import Server
    from watch.lifecycle import Life


class Alone:
    """A Supervisor (loop/host.py) with nothing but the one server.

    outcome: `up` or `failed`, and what stands behind that in the event (watch/watcher.py); ("", "") until then.
    """

    monitor = run_dir = ""
    interval_ms = 0  # no interval ever passes
    held: Store | None = None

    def __init__(self, server: Server, state_dir: str) -> None:
        self.loop = Loop()
        self.sessions = Walk(self.loop, scan.sessions)
        self.shared: dict[str, object] = {}
        self.followed: dict[int, Followed] = {}
        self.lives: list[Life] = []
        self.directories = {server.directory}
        self.state_dir = state_dir
        self.boot = record.boot_id()
        self.psutil_home = psutil_home()
        self.outcome = ("", "")
        self._children_before = set(identity.children(os.getpid()))  # servers that this command has started already
        self._oom_kills = cause.oom_kills()

    def emit(self, word: str, server: Server | None, rest: str) -> None:
        """The end of a start ends the loop; what a failed one leaves behind goes first, for no later start ends it."""
        if word in ("up", "failed"):
            self.outcome = word, rest
        if word == "up":
            self.finish()
        elif word == "failed" and server:
            end_leftovers(self, server, self.lives[0].account.dead, self.finish)

    def finish(self) -> None:
        """End the loop."""
        self.loop.ended = True

    def say(self, server: Server | None, text: str) -> None:
        """Tell the operator."""
        print(f"{server.name}: {text}" if server else text, file=sys.stderr, flush=True)

    def orphans(self, sid: int = 0) -> Iterator[identity.Process]:
        """What the server has left behind, where we are subreaper."""
        return descendants.orphans(self.loop, {*self.followed, *self._children_before}, sid)

    def want_scan(self, life: Followed, absent: Callable[[], None]) -> None:
        """The command has just looked (operate/look.py)."""
        absent()

    def oom_struck(self) -> bool:
        """Has the kernel killed for want of memory since we began?"""
        return cause.oom_kills() > self._oom_kills

    def tidy_soon(self, life: Followed) -> None:
        """Not here: it may take its time, and the operator waits."""

    def history_tells(self, incident: str) -> bool:
        """What history.jsonl lacks, the next monitor adds."""
        return True
