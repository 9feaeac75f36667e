"""How long is a server down?  From its death, or its first failed start, until the process is there that stays up.

A start counts only after start_seconds, but the server has served since then, so these seconds are no outage.
"""

from __future__ import annotations

from time import monotonic

UNKNOWN = "-"


class Outage:
    """The outage of one server; it begins once and ends once, even if both are reported twice."""

    __slots__ = ("_began", "_ended")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """It is no outage, but an order; or nothing is known."""
        self._began = self._ended = 0.0

    def begin(self) -> None:
        """The server has ended, or could not be started."""
        self._began = self._began or monotonic()
        self._ended = 0.0

    def end(self) -> None:
        """A process is there; if that ends too, begin() says that the outage has gone on."""
        self._ended = monotonic()

    def told(self) -> str:
        """Milliseconds, for the event `up`; UNKNOWN if its begin is."""
        took = (self._ended or monotonic()) - self._began
        known = self._began > 0.0
        self.forget()
        return f"{took * 1000:.0f}" if known else UNKNOWN
