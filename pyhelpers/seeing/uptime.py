"""How available was each server?  1 - down/wanted; time without a monitor is neither, and shown as such."""

from __future__ import annotations

from seeing.course import DOWN, UNKNOWN, UP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seeing.course import Course

DAY = 86400.0
DEFAULT_SECONDS = 30 * DAY


class Uptime:
    """Figures of one server between begin and end, Unix time, in seconds.

    outages: how long it was down each time, as far as that is between them.
    """

    def __init__(self, course: Course, begin: float, end: float) -> None:
        self.seconds = dict.fromkeys((UP, DOWN, UNKNOWN, "off"), 0.0)
        self.outages: list[float] = []
        for first, last, condition in course.spans:
            took = min(last, end) - max(first, begin)
            if took > 0:
                self.seconds[condition] += took
                if condition == DOWN:
                    self.outages.append(took)

    @property
    def percent(self) -> float | None:
        """Of the time that it was to run and was watched; None: there was none."""
        wanted = self.seconds[UP] + self.seconds[DOWN]
        return 100 * self.seconds[UP] / wanted if wanted else None

    @property
    def longest(self) -> float | None:
        """The longest outage in seconds; None: there was none."""
        return max(self.outages, default=None)

    @property
    def mean(self) -> float | None:
        """The mean time to restart in seconds; None: there was none."""
        return sum(self.outages) / len(self.outages) if self.outages else None
