"""How long is an answer waited for?  In slices, so that a pause of our own is not held against who is to answer.

A slice counts once, however late its end is noticed: of a minute in which this process was stopped, or the whole
machine, one slice is gone, and what has come meanwhile is looked at first.  If that was the last one, another is added:
who could not be heard, or was not even asked, has that long to answer.

loop/awake_clock.py has the same aim, and never stops ticking for those that look now and then: a beat, a limit.  A
question has a wait of its own, and nothing here ticks while nobody is waited for: a server that is asked once in
15 s would cost a tick a second, were its time measured by that clock.
"""

from __future__ import annotations

import time

from base.clock import boot_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop, Timer

SLICES = 10
SHORTEST_MS = 100.0
AWAY_MS = 1000.0  # so much more time than was counted: we did not run


class Patience:
    """Counts milliseconds of waiting; then calls over, once."""

    __slots__ = ("_began", "_is_added", "_left", "_loop", "_over", "_slice", "_timer", "_whole")

    def __init__(self, loop: Loop, milliseconds: float, over: Callable[[], None]) -> None:
        self._loop = loop
        self._over = over
        self._whole = self._left = milliseconds
        self._slice = max(SHORTEST_MS, milliseconds / SLICES)
        self._is_added = False
        self._began = boot_seconds()  # of this clock, which goes on while the machine sleeps
        self._timer: Timer
        self._wait()

    def _wait(self) -> None:
        step = min(self._slice, self._left)
        self._left -= step
        self._timer = self._loop.after(step, self._wait if self._left > 0 else self._waited)

    def _waited(self) -> None:
        if self._is_added or time.monotonic() - self._timer.due < AWAY_MS / 1000:
            self._over()
        else:
            self._is_added = True
            self._left = self._slice
            self._wait()

    def end(self) -> None:
        """Wait no longer."""
        self._timer.cancel()

    def lasts(self, milliseconds: float) -> bool:
        """Is so much of it left, or more?"""
        return self._left + (self._timer.due - time.monotonic()) * 1000 >= milliseconds

    def was_away(self) -> bool:
        """Did we, or the machine, stand still in the meantime?"""
        return (boot_seconds() - self._began) * 1000 > self._whole - self._left + AWAY_MS
