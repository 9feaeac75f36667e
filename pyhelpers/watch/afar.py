"""The paths of one server that may not answer: a hand (loop/hand.py) looks at them, one at a time.

While such a path does not answer, the server is UNKNOWN, and we look again every interval.
"""

from __future__ import annotations

import os

from base import places
from loop.hand import Hand
from loop.loop import lines_of
from proc import evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from watch.lifecycle import Life


class Afar:
    """silent: the path that does not answer; "" while all do."""

    __slots__ = ("_child", "_hand", "_life", "_waits_to_start", "silent")

    def __init__(self, life: Life) -> None:
        self._life = life
        self._hand: Hand | None = None
        self._child = 0  # the child of a start, which may still wait for the file system
        self._waits_to_start = False
        self.silent = ""

    def look(self, then: Callable[[], None] | None = None) -> None:
        """Have a hand read those sources of its pid that may not answer, if there are any; then call then."""
        server = self._life.server
        if not server.unheard or self._is_busy():
            return
        numbers = sorted(server.unheard)
        path = evidence.path_of(server, numbers[0])

        def late() -> None:
            self._fell_silent(path)
            if then:
                then()

        def brought(text: str) -> None:
            server.unheard = ()
            lines = [list(map(int, line.split())) for line in lines_of(text)]
            server.brought = {number: pids for number, *pids in lines}
            self._answered()
            if then:
                then()
            else:
                self._life.look_now()

        self._ask(lambda: evidence.bring(server, numbers), brought, late)

    def left(self, path: str, child: int) -> None:
        """This path did not answer a start; the child of that start may stay."""
        self._child = child
        self._waits_to_start = True
        self._fell_silent(path)

    def started(self) -> None:
        """The path that did not answer a start has answered now, perhaps before we asked again."""
        if self._waits_to_start:
            self._answered()

    def ask_again(self, then: Callable[[], None]) -> None:
        """Ask the silent path again; call then if it answers."""
        path = self.silent

        def answered(text: str) -> None:
            if text:
                self._answered()
                then()

        if not self._is_busy():
            self._ask(lambda: touch(path), answered, lambda: None)

    def holds_child(self) -> bool:
        """Does the child of an earlier start still wait?"""
        return self._child in self._life.watcher.loop.errands

    def _is_busy(self) -> bool:
        """Does a process look at its files?  A server has at most one such process."""
        if self._hand and not self._hand.is_there:
            self._hand = None
        return self._hand is not None or self.holds_child()

    def _ask(self, work: Callable[[], str], done: Callable[[str], None], late: Callable[[], None]) -> None:
        try:
            self._hand = Hand(self._life.watcher.loop, work, done, late, self._life.server.ids)
        except OSError as error:
            self._life.account.say_all("hand", [f"no process can be made to look at its files: {error.strerror}"])

    def _fell_silent(self, path: str) -> None:
        if self.silent != path:
            self.silent = path
            self._life.silence_changed()
        self._life.account.say_all("answer", [f"{path} does not answer; asked again every interval"])

    def _answered(self) -> None:
        self._waits_to_start = False
        self._life.account.say_all("hand", [])
        self._life.account.say_all("answer", [])
        if self.silent:
            self.silent = ""
            self._life.silence_changed()


def touch(path: str) -> str:
    """Touch the path; return some text when it has answered, even if it does not exist."""
    try:
        place, name = places.found(path, patient=True)
        with place:
            if name:
                os.stat(name, dir_fd=place.fd, follow_symlinks=False)
            else:
                os.close(place.listable())
    except OSError:
        pass
    return "answered"
