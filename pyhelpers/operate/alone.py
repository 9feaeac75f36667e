"""The supervisor of one server that no monitor watches: it lives as long as the operator's command.

It ends and starts the server with the same code as the watcher.  Events that the watcher sends to the shell only end
the loop here.
"""

from __future__ import annotations

import os
import sys

from base.libraries import psutil_home
from loop import descendants
from loop.batched_scan import Walk
from loop.leftovers import end_leftovers
from loop.loop import Loop
from loop.terminate import could_not_end
from proc import cause, identity, scan
from state import record
from watch.kept_output import KeptOutput
from watch.last_words import LastWords

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loop.host import Followed, Store
    from loop.leftovers import Dead
    from proc.server import Server
    from watch.lifecycle import Life


class Alone:
    """A Supervisor (loop/host.py) of a single server.

    outcome: `up` or `failed`, and the rest of that event (watch/watcher.py); ("", "") until then.
    """

    monitor = run_dir = ""
    interval_ms = 0  # there are no periodic looks
    held: Store | None = None

    def __init__(self, server: Server, state_dir: str) -> None:
        self.loop = Loop()
        self.leftovers = Walk(self.loop, self._find_left)
        self.dead: Dead | None = None  # the process whose descendants we search; None: that of the Life
        self.shared: dict[str, object] = {}
        self.followed: dict[int, Followed] = {}
        self.lives: list[Life] = []
        self.directories = {server.directory}
        self.state_dir = state_dir
        self.boot = record.boot_id()
        self.kept_output = KeptOutput(self)
        self.last_words = LastWords(self, self.kept_output)
        self.psutil_home = psutil_home()
        self.outcome = ("", "")
        self._children_before = set(identity.children(os.getpid()))  # servers that this command started earlier
        self._oom_kills = cause.oom_kills()

    def emit(self, word: str, server: Server | None, rest: str) -> None:
        """End the loop when the start has succeeded or failed.

        After a failure first end the processes that it left behind, because no later start of ours would.
        """
        if word in ("up", "failed"):
            self.outcome = word, rest
        if word == "up":
            self._finish_after("start_post")
        elif word == "around" and server:
            _, key, _, _, text = rest.split(" ", 4)
            self.say(server, f"{key} failed: {text}")
        elif word == "failed" and server:
            end_leftovers(self, server, self.lives[0].account.dead, lambda stuck: self._rest_over(server, stuck))

    def _rest_over(self, server: Server, stuck: list[int]) -> None:
        for pid in stuck:
            self.say(server, could_not_end(pid, "yours"))
        self._finish_after("stop_post")

    def _finish_after(self, key: str) -> None:
        """End the loop when the command of this key has ended; it is due now, if conf has it."""
        from watch.around_life import AroundLife

        life = self.lives[0]
        if not isinstance(life, AroundLife):
            self.finish()
        elif key == "stop_post":
            life.commands.settle(self.finish)
        else:
            self.loop.after(0, lambda: life.commands.rest(self.finish))

    def unread(self) -> bool:
        """No shell reads."""
        return False

    def finish(self) -> None:
        """End the loop."""
        self.loop.ended = True

    def say(self, server: Server | None, text: str) -> None:
        """Print a message for the operator."""
        print(f"{server.shown}: {text}" if server else text, file=sys.stderr, flush=True)

    def orphans(self, sid: int = 0, listed: bool = False) -> Iterator[identity.Process]:
        """The orphans of the server that the kernel gave to us, the subreaper."""
        return descendants.orphans(self.loop, {*self.followed, *self._children_before}, sid, listed)

    def _find_left(self, numbers: list[int]) -> str:
        dead = self.dead or self.lives[0].account.dead
        return scan.left(dict.fromkeys(numbers, dead), {os.getpid(), *self._children_before})

    def want_scan(self, life: Followed, absent: Callable[[], None]) -> None:
        """Do not scan: the command has just scanned (operate/look.py)."""
        absent()

    def oom_struck(self) -> bool:
        """Has the kernel's OOM killer killed any process since we began?"""
        return cause.oom_kills() > self._oom_kills

    def tidy_soon(self, life: Followed) -> None:
        """Do nothing: it may take long, and the operator waits."""

    def history_tells(self, incident: str) -> bool:
        """Return True: the next monitor adds what history.jsonl lacks."""
        return True
