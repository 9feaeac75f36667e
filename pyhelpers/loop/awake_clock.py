"""How long have we been watching?  The monotonic clock without our own pauses.

If this process was stopped (SIGSTOP), suspended with the machine or starved for a minute, it saw nothing in that minute
and must not count it against a server.  The loop ticks once a period; of the time between two ticks, at most that
period counts.  Source: clock_gettime(2): CLOCK_MONOTONIC stands still while the machine sleeps.

loop/deadline.py has the same aim for one question, and ticks only until the answer comes.  What this clock measures has
no end: a beat may come at any time while the server lives.  So all users share one tick, which never ends.
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
    """The clock.  Before you measure a time with it, call for_times_of() with that time."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._period = LONGEST_PERIOD
        self._lost = 0.0
        self._last = time.monotonic()
        self._timer = loop.after(self._period * 1000, self._tick_again)

    def now(self) -> float:
        """Seconds since an arbitrary moment."""
        return min(time.monotonic(), self._last + self._period) - self._lost

    def for_times_of(self, seconds: float) -> None:
        """Be accurate to a quarter of that: at most so much of a pause counts as time that we watched."""
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
    """The clock that all servers of this watcher share; the first caller makes it."""
    clock = host.shared.get("awake")
    if not isinstance(clock, Awake):
        clock = host.shared["awake"] = Awake(host.loop)
    return clock
