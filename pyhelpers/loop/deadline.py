"""Wait for an answer, in slices, so that a pause of our own does not count against the server that must answer.

A slice counts once, however late we notice its end.  If this process, or the whole machine, was stopped for a minute,
only one slice is gone, and the loop first handles what has come meanwhile.  If that was the last slice, we add another:
the other side may not have been asked, or we may not have heard it, so it gets that long to answer.

loop/awake_clock.py has the same aim for endless looks, such as a beat or a limit, and never stops ticking.  A question
has a wait of its own, and here nothing ticks while no answer is due: on that clock, a server that is asked once in 15 s
would cost a tick a second.
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
AWAY_MS = 1000.0  # if so much more time has passed than we counted, we did not run


class Patience:
    """Counts milliseconds of waiting; then calls over, once."""

    __slots__ = ("_began", "_is_added", "_left", "_loop", "_over", "_slice", "_timer", "_whole")

    def __init__(self, loop: Loop, milliseconds: float, over: Callable[[], None]) -> None:
        self._loop = loop
        self._over = over
        self._whole = self._left = milliseconds
        self._slice = max(SHORTEST_MS, milliseconds / SLICES)
        self._is_added = False
        self._began = boot_seconds()  # on a clock that goes on while the machine sleeps
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
        """Is at least so much of the wait left?"""
        return self._left + (self._timer.due - time.monotonic()) * 1000 >= milliseconds

    def was_away(self) -> bool:
        """Did this process, or the machine, stand still meanwhile?"""
        return (boot_seconds() - self._began) * 1000 > self._whole - self._left + AWAY_MS
