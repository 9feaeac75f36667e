"""The life of a server with commands around it: start_pre, start_post, stop_post, or a stop that begins with a command.

Only servers that have one get such a life; that of all others, and what it loads, is not touched by it.
"""

from __future__ import annotations

from base import places
from base.exits import FAILED
from base.places import NoAnswer
from config.life_settings import asked, has_any
from loop.hand import Hand
from loop.terminate import Ending
from spawn.launch import no_process
from watch.afar import touch
from watch.around import BY_ORDER, Around
from watch.lifecycle import Life
from watch.start_attempt import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loop.host import Supervisor
    from loop.leftovers import Dead
    from loop.loop import Loop
    from proc.server import Server


class AroundStart(Start):
    """An attempt to start it."""

    def __init__(self, life: Life, dead: Dead, since: float) -> None:
        super().__init__(life, dead, since)
        assert isinstance(life, AroundLife)
        self._commands = life.commands

    def cancel(self) -> None:
        """As any attempt; end start_pre."""
        super().cancel()
        self._commands.cancel_start()

    def _end_leftovers(self, then: Callable[[], None]) -> None:
        """As any attempt; then run the stop_post of the last process, and wait until no other command runs."""
        super()._end_leftovers(lambda: self._commands.settle(then))

    def _launch(self) -> None:
        """First start_pre, if there is one; then as any attempt."""
        launch = self._unless_over(super()._launch)
        if asked(self._server, "start_pre"):
            self._when_all_answer(self._needed(), lambda: self._commands.start_pre(launch, self._pre_failed))
        else:
            launch()

    def _needed(self) -> list[str]:
        """Its directory, and the files of env_file and secrets."""
        server = self._server
        if "private" not in server.launch.settings:
            return [server.directory]
        from config.private_files import Private

        return [server.directory, *Private(server).paths()]

    def _when_all_answer(self, paths: Sequence[str], then: Callable[[], None]) -> None:
        """A path that does not answer now is no fault of start_pre: the start waits for it, as any start does."""
        if not paths:
            then()
            return
        try:
            places.require_answer(paths[0])
        except NoAnswer as silent:
            self._ask(silent.path, lambda: self._when_all_answer(paths[1:], then))
        else:
            self._when_all_answer(paths[1:], then)

    def _ask(self, path: str, then: Callable[[], None]) -> None:
        answered, late = self._unless_over(then), self._unless_over(lambda: self._life.unanswered(path, 0))
        try:
            Hand(self._loop, lambda: touch(path), lambda text: answered(), late, self._server.ids)
        except OSError as error:
            self._pre_failed(FAILED, no_process(error).reason)

    def _pre_failed(self, status: int, text: str) -> None:
        if not self._over:
            self._life.start_failed(status, text)

    def _fail(self, text: str, why: str = "", stuck: Sequence[str] = ()) -> None:
        """What we launched has failed: its stop_post is due.  Then as any attempt."""
        self._commands.owe(text)
        super()._fail(text, why, stuck)


class AroundLife(Life):
    """commands: those around it."""

    may_stand = False  # its stop_post is told why it ended, as the shell is, before the start
    start_of = AroundStart

    def __init__(self, server: Server, watcher: Supervisor, directory: str) -> None:
        self.commands = Around(self)
        super().__init__(server, watcher, directory)

    def tell(self, word: str, rest: str) -> None:
        """A death: its stop_post is due.  Then as any life."""
        if word in ("down", "restart_pending"):
            self.commands.owe(rest.split(" ", 3)[3])
        super().tell(word, rest)

    def start(self, wait_ms: int) -> None:
        """As any life; what is due does not wait with the start."""
        super().start(wait_ms)
        if self.phase == "waiting":
            self.commands.settle_soon(_nothing)

    def started(self, took_ms: float) -> None:
        """As any life; then start_post."""
        super().started(took_ms)
        if asked(self.server, "start_post"):
            self.commands.start_post()

    def is_left(self) -> None:
        """As any life, when stop_post has run, if it is due, and no other command runs.  A paused one is left alone."""
        is_left = super().is_left
        if self.server.state == "PAUSED":
            self.commands.rest(is_left)
        else:
            self.commands.settle_soon(is_left)

    def stopped(self, rest: str) -> None:
        """First stop_post; then as any life."""
        if not rest.startswith("0 "):
            self.commands.owe(BY_ORDER)
        tell = super().stopped
        self.commands.settle(lambda: tell(rest))

    def ending_of(
        self,
        loop: Loop,
        who: Sequence[tuple[int, int]],
        steps: Sequence[str],
        done: Callable[[list[int]], None],
        reap: bool = True,
    ) -> Ending:
        """The end of its process by `stop`, if that begins with a command; else as any life."""
        if who and steps is self.server.stop and asked(self.server, "stop_command"):
            from watch import stop_command

            return stop_command.begin(self.watcher, self.server, who, done, reap)
        return Ending(loop, who, steps, done, reap)


def _nothing() -> None:
    """No one waits."""


def made(server: Server, watcher: Supervisor, directory: str) -> Life:
    """The life of this server, of the kind that it needs."""
    return (AroundLife if has_any(server) else Life)(server, watcher, directory)
