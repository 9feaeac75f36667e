"""An event that the shell must answer: it is sent again after an interval, for a line may have been lost."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Supervisor
    from proc.server import Server


class Pending:
    """The last such event of one server, until the shell has answered it."""

    __slots__ = "_event _sent_at _server _watcher".split()

    def __init__(self, server: Server, watcher: Supervisor) -> None:
        self._server = server
        self._watcher = watcher
        self._event = ""
        self._sent_at = 0.0

    def send(self, word: str, rest: str) -> None:
        """Send an event of watch/messages.py."""
        self._event = f"{word} {rest}"
        self._sent_at = time.monotonic()
        self._watcher.emit(word, self._server, rest)

    def is_about(self, event: str) -> bool:
        """Is it this one, its word and its fields, that the shell has not answered?"""
        return self._event == event

    def answered(self) -> None:
        """The shell has given an order that answers it."""
        self._event = ""

    def repeat(self) -> None:
        """Send it again, if the shell has read all and has not answered within an interval."""
        waited = time.monotonic() - self._sent_at
        if self._event and waited > self._watcher.interval_ms / 1000 and not self._watcher.unread():
            word, _, rest = self._event.partition(" ")
            self.send(word, rest)
