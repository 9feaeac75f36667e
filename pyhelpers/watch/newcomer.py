"""The new process of a server beside the old one: it is started on the same descriptors, and judged as any start is.

It has a life of its own, of which the shell hears nothing, and whose record is a note in that of the server
(watch/parting.py).  It differs from other starts in what it leaves alone: the old process with its leftovers, its
logs, the port, which both have, and the descriptors, which the old one uses.
"""

from __future__ import annotations

from copy import copy

from base.exits import FAILED
from config.life_settings import has_any
from loop.leftovers import Dead
from watch import parting
from watch.around_life import AroundLife, AroundStart
from watch.journal import Account
from watch.lifecycle import Life
from watch.start_attempt import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loop.leftovers import Dead as Evidence
    from proc.identity import Process
    from proc.server import Server

JUDGED_BY = ("check", "start_pre")  # what begins like these counts for a start; no other vital does, but `notify`


class NewcomerAccount(Account):
    """Its record is a note in that of its server.  run: that of the secrets of the old process, 0: none."""

    def __init__(self, server: Server, life: Life, run: int) -> None:
        super().__init__(server, life.watcher, life.account.directory, Dead(server))
        self._record = life.account
        self._run = run

    def mark_starting(self) -> None:
        """The old process is the server: there is nothing to write yet."""

    def intend(self) -> None:
        """Write down what will lead to the process that is launched next."""
        self._note(Dead(self.server))

    def write(self) -> None:
        """Write down which process it is."""
        if self.server.pid:
            self._note(Dead(self.server))

    def _note(self, of: Evidence) -> None:
        self._record.beside = parting.note(of, self._run)
        self._record.write()


class _Attempt(Start):
    """The attempt to start it."""

    def begin(self, search: bool) -> None:
        """Nothing has to be cleared away: the old process lives."""
        self._launch()

    def _equip(self) -> None:
        super()._equip()
        account = self._life.account
        assert isinstance(account, NewcomerAccount)
        account.intend()

    def _ends(self) -> list[tuple[str, int]]:
        assert self._watcher.held
        return self._watcher.held.hand_beside(self._server)

    def ended(self, why: str) -> None:
        """A process that forks into the background is none that we could tell from the old one."""
        self._fail(f"it ended while it started ({why})", why)

    def _fail(self, text: str, why: str = "", stuck: Sequence[str] = ()) -> None:
        self._rest()
        if not self._over:
            self._life.start_failed(FAILED, "; ".join([text + self._said(), *stuck]), why)

    def _said(self) -> str:
        """`: REASON`, the last that was printed since its launch."""
        server, kept = self._server, self._watcher.kept_output
        text = kept.text(server, *kept.run_of(server)) if server.keeps_output else ""
        if not text:
            return ""
        from base import last_words

        return f": {last_words.reason(text)}"


class _AroundAttempt(_Attempt, AroundStart):
    """The same, after start_pre."""


class Newcomer(Life):
    """Its life until it is RUNNING and healthy, or has failed.

    runs: gets the milliseconds that it took; failed: gets why.  It calls one of them, once.
    """

    start_of = _Attempt

    def __init__(self, life: Life, run: int, runs: Callable[[float], None], failed: Callable[[str], None]) -> None:
        super().__init__(_server_of(life.server), life.watcher, life.account.directory)
        self.account = NewcomerAccount(self.server, life, run)
        for vital in self.health.vitals:
            vital.is_beside = True
        self.relook = life.relook  # our faults on its behalf are those of the server
        self._runs = runs
        self._failed = failed

    def begin(self) -> None:
        """Start it."""
        self.surely_absent = True  # the process that a search would find is the old one
        self.start(0)

    def tell(self, word: str, rest: str) -> None:
        """The shell hears of the old process."""

    def adopt(self, process: Process, source: str, word: str = "adopted", made: int = 0) -> bool:
        """It is what we launch, and nothing else."""
        return False

    def started(self, took_ms: float) -> None:
        """It is RUNNING and healthy."""
        self._cancel()
        self._runs(took_ms)

    def start_failed(self, status: int, text: str, why: str = "") -> None:
        """It has failed."""
        self._cancel()
        self._failed(text)

    def unanswered(self, path: str, child: int) -> None:
        """It does not wait for a file system: the old process serves."""
        self.start_failed(FAILED, f"{path} does not answer")

    def withdraw(self) -> Dead:
        """Stop waiting for it, and stop following it; return what leads to it."""
        self._cancel()
        if self.server.pid:
            self.unfollow()
        return self.account.dead


class AroundNewcomer(Newcomer, AroundLife):
    """The same, with start_pre."""

    start_of = _AroundAttempt


def made(life: Life, run: int, runs: Callable[[float], None], failed: Callable[[str], None]) -> Newcomer:
    """The newcomer of this life's server."""
    kind = AroundNewcomer if has_any(life.server) else Newcomer
    return kind(life, run, runs, failed)


def _server_of(server: Server) -> Server:
    """The same server without its process; of its vitals those that count for a start."""
    found = copy(server)
    found.launch = copy(server.launch)
    found.launch.settings = dict(server.launch.settings)
    found.pid = found.ticks = found.sid = found.seen = 0
    found.pidfd = -1
    found.invocation = found.cgroup = found.message = ""
    found.kids, found.images, found.parent, found.unit = {}, (), (0, 0), ""
    found.logs = []
    found.vital = {key: value for key, value in server.vital.items() if key.startswith(JUDGED_BY)}
    if server.vital.get("heartbeat") == "notify":
        found.vital.update((key, value) for key, value in server.vital.items() if key.startswith("heartbeat"))
    return found
