"""How long is an answer waited for?  In slices, so that a pause of our own is not held against who is to answer.

A slice counts once, however late its end is noticed: of a minute in which this process was stopped, or the whole
machine, one slice is gone, and what has come meanwhile is looked at first.  Nothing ticks while nobody is waited for.
"""

from __future__ import annotations

from clock import boot_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop import Loop, Timer

SLICES = 10
SHORTEST_MS = 100.0
AWAY_MS = 1000.0  # so much more time than was counted: we did not run


class Patience:
    """Counts milliseconds of waiting; then calls over, once."""

    __slots__ = ("_began", "_left", "_loop", "_over", "_slice", "_timer", "_whole")

    def __init__(self, loop: Loop, milliseconds: float, over: Callable[[], None]) -> None:
        self._loop = loop
        self._over = over
        self._whole = self._left = milliseconds
        self._slice = max(SHORTEST_MS, milliseconds / SLICES)
        self._began = boot_seconds()  # of this clock, which goes on while the machine sleeps
        self._timer: Timer
        self._wait()

    def _wait(self) -> None:
        step = min(self._slice, self._left)
        self._left -= step
        self._timer = self._loop.after(step, self._wait if self._left > 0 else self._over)

    def end(self) -> None:
        """Wait no longer."""
        self._timer.cancel()

    def was_away(self) -> bool:
        """Did we, or the machine, stand still in the meantime?"""
        return (boot_seconds() - self._began) * 1000 > self._whole - self._left + AWAY_MS
