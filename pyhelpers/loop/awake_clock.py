"""How long have we looked?  The monotonic clock, with our own pauses taken out.

Who was stopped (SIGSTOP), suspended with the machine or starved by it for a minute has seen nothing in that minute, and
may hold it against nobody.  A tick of the loop comes every period; of the time between two ticks no more than that
period counts.  Source: clock_gettime(2): CLOCK_MONOTONIC stands still while the machine sleeps.

loop/deadline.py has the same aim for one question, and ticks only until that is answered.  What is looked at here is
never answered: a beat may come, or not, as long as the server lives; so all share one tick, which never ends.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Host
    from loop.loop import Loop

LONGEST_PERIOD = 5.0  # seconds
SHORTEST_PERIOD = 0.05


class Awake:
    """The clock.  What is measured by it asks first for_times_of() as long as that."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._period = LONGEST_PERIOD
        self._lost = 0.0
        self._last = time.monotonic()
        self._timer = loop.after(self._period * 1000, self._tick_again)

    def now(self) -> float:
        """Seconds since some time or other."""
        return min(time.monotonic(), self._last + self._period) - self._lost

    def for_times_of(self, seconds: float) -> None:
        """Be right to a quarter of that: so much of a pause may count as seen."""
        wanted = max(SHORTEST_PERIOD, seconds / 4)
        if wanted < self._period:
            self._tick()
            self._timer.cancel()
            self._period = wanted
            self._timer = self._loop.after(wanted * 1000, self._tick_again)

    def _tick_again(self) -> None:
        self._tick()
        self._timer = self._loop.after(self._period * 1000, self._tick_again)

    def _tick(self) -> None:
        now = time.monotonic()
        self._lost += max(0.0, now - self._last - self._period)
        self._last = now


def of(host: Host) -> Awake:
    """The one that all servers of this watcher share, made by the first that asks."""
    clock = host.shared.get("awake")
    if not isinstance(clock, Awake):
        clock = host.shared["awake"] = Awake(host.loop)
    return clock
