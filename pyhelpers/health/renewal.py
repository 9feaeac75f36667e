"""restart_every: is it time to restart the server?  The shell then does so.

`24h` counts from the start of the process; `daily 04:30` is a time of day, local time, at which we must be there: what
we missed by more than an hour waits for the next day.  The instances of a server (NAME@...) follow one after another:
the next one's time comes when all the others that are wanted are RUNNING again.
"""

from __future__ import annotations

import time

from base.clock import TICKS_PER_SECOND, boot_seconds
from health.vitals import Vital

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Followed

LATEST = 3600.0  # seconds
DAY = 86_400.0
AT_REST = ("RUNNING", "STOPPED", "EXITED", "PAUSED")


class Renewal(Vital):
    """Of one server."""

    def __init__(self, life: Followed) -> None:
        super().__init__(life)
        self._every = life.server.vital["restart_every"]
        self._next = 0.0  # of a time of day, in Unix seconds
        self._is_due = False

    def serving(self) -> None:
        """It is RUNNING, or is judged again."""
        self._is_due = False
        if self._every.startswith("daily"):
            self._next = next_time(self._every, time.time())

    def tick(self) -> None:
        """An interval has passed, and it is RUNNING."""
        self._is_due = self._is_due or self._is_time()
        if self._is_due and self._may_go():
            self._is_due = False
            turns = self.home.shared.setdefault("renewals", {})
            assert isinstance(turns, dict)
            turns[_base(self.life)] = self.life, self.life.server.pid, self.life.server.ticks
            self.life.tell("due", f"{self.life.server.pid} {self._words()}")

    def _words(self) -> str:
        every = self._every
        return f"restart_every = {every if every.startswith('daily') else _in_words(int(every))}"

    def _is_time(self) -> bool:
        if not self._every.startswith("daily"):
            age = boot_seconds() - self.life.server.ticks / TICKS_PER_SECOND
            return age * 1000 >= int(self._every)
        now = time.time()
        late = now - self._next
        if 0 <= late <= LATEST:
            self._next = next_time(self._every, now)
            return True
        if late > LATEST or late < -DAY - LATEST:  # we did not run, or someone has set the clock
            self._next = next_time(self._every, now)
        return False

    def _may_go(self) -> bool:
        """Is no other instance about to be restarted, or on its way up?"""
        base = _base(self.life)
        for life in self.home.lives:
            if life is not self.life and _base(life) == base and life.account.want == "up":
                if life.server.state not in AT_REST:
                    return False
        turns = self.home.shared.get("renewals")
        last = turns.get(base) if isinstance(turns, dict) else None
        if not last or last[0] is self.life:
            return True
        other, pid, ticks = last  # it lives still: the shell has not answered yet
        return other.account.want != "up" or (other.server.pid, other.server.ticks) != (pid, ticks)


def _base(life: Followed) -> str:
    """What all instances have in common."""
    return life.server.base


def _in_words(milliseconds: int) -> str:
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def next_time(daily: str, now: float) -> float:
    """The next time after now of `daily HH:MM`, local time; both in Unix seconds."""
    hour, minute = map(int, daily.split(" ")[1].split(":"))
    today = time.localtime(now)
    for days in (0, 1, 2):  # with the hour that a summer begins with, a time may not exist
        at = time.mktime((today.tm_year, today.tm_mon, today.tm_mday + days, hour, minute, 0, 0, 0, -1))
        if at > now:
            return at
    return now + DAY
