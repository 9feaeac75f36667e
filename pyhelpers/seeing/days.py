"""The days of a report in local time, and what a server was on each of them, by its course."""

from __future__ import annotations

import time
from bisect import bisect_right

from seeing.course import DOWN, OFF, UNKNOWN, UP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seeing.course import Course


def bounds(now: float, count: int) -> list[float]:
    """The midnights with which the last `count` days began, today's last, and now behind it; in Unix time."""
    year, month, day = time.localtime(now)[:3]
    return [*(time.mktime((year, month, day - ago, 0, 0, 0, 0, 0, -1)) for ago in range(count - 1, -1, -1)), now]


def number_of(seconds: float, limits: list[float]) -> int:
    """Which day is that, from 0?  limits: as of bounds(), and seconds between the first and the last of them."""
    return min(bisect_right(limits, seconds), len(limits) - 1) - 1


class Day:
    """One day of one server.  up, down, off, unknown: seconds; outages: (begin, end) of each, as far as it is here."""

    __slots__ = "begin down end off outages unknown up".split()

    def __init__(self, begin: float, end: float) -> None:
        self.begin, self.end = begin, end
        self.up = self.down = self.off = self.unknown = 0.0
        self.outages: list[tuple[float, float]] = []

    def add(self, begin: float, end: float, condition: str) -> None:
        """It was so from begin to end."""
        took = end - begin
        if condition == UP:
            self.up += took
        elif condition == OFF:
            self.off += took
        elif condition == UNKNOWN:
            self.unknown += took
        elif condition == DOWN:
            self.down += took
            self.outages.append((begin, end))

    @property
    def lost(self) -> float:
        """The share of the day that it was down, of what it was to run and was watched: 0 to 1."""
        return self.down / (self.up + self.down) if self.down else 0.0


def days(course: Course, limits: list[float]) -> list[Day]:
    """One for each day between the limits, as of bounds()."""
    found = [Day(begin, end) for begin, end in zip(limits, limits[1:])]
    for first, last, condition in course.spans:
        begin, end = max(first, limits[0]), min(last, limits[-1])
        at = number_of(begin, limits)
        while begin < end:
            stop = min(end, limits[at + 1])
            if stop > begin:
                found[at].add(begin, stop, condition)
            begin = stop
            at += 1
    return found
