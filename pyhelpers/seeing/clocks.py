"""When was each line of the history written, although clocks are set?

A clock may be set while a machine runs.  So a line has the seconds since boot too, and of the lines of one boot the
last one is believed: its clock has been set for the longest time.  A line whose clock was wrong gets the time that its
seconds since boot give it; one that tells none gets what the line before it got.
"""

from __future__ import annotations

import re
from datetime import datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_APART = 2.0  # seconds; the history has the time since boot in whole seconds
# A member of an object, not of a text: there its quotation marks have a backslash in front
_TIME = re.compile(rb'"time":"([^"]*)"')
_BOOT = re.compile(rb'"boot":(\d{1,15})')
_MONITOR = re.compile(rb'"event":"(?:watching|ended)".*"monitor":"[^"-]*-?([^"]*)"')


def unix(text: str) -> float:
    """Seconds of Unix time of an ISO 8601 time.  Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


class _Boots:
    """Which boot is a line of?

    The first line of a monitor has the id of its boot; and since boot the time does not go back.
    """

    def __init__(self) -> None:
        self.number = -1
        self._ran, self._known = -1, b""

    def take(self, raw: bytes) -> int | None:
        """Take the next line; number is that of its boot.  Returns its seconds since boot; None: it tells none."""
        found = _BOOT.search(raw)
        if not found:
            return None
        told = _MONITOR.search(raw)
        this = told[1] if told else self._known
        seconds = int(found[1])
        if seconds < self._ran - MOST_APART or this != self._known or self.number < 0:
            self.number += 1
        self._ran, self._known = seconds, this
        return seconds


class Clocks:
    """Those of one history.  raw: all its lines, as they stand in the files."""

    def __init__(self, raw: Iterable[bytes]) -> None:
        lasts: list[tuple[bytes, int]] = []  # of each boot
        boots = _Boots()
        for line in raw:
            since = boots.take(line)
            if since is not None:
                lasts[boots.number :] = [(line, since)]
        self._begins = [_told(line) - since for line, since in lasts]  # in Unix time
        self._boots = _Boots()
        self._shift = 0.0

    def right(self, raw: bytes, seconds: float) -> float:
        """When was this line written, which tells `seconds`?  Asked for the same lines, once, in the same order."""
        since = self._boots.take(raw)
        if since is None:
            return seconds + self._shift
        number = self._boots.number
        begin = self._begins[number] if number < len(self._begins) else float("nan")  # it has just been written
        shift = begin + since - seconds
        self._shift = shift if abs(shift) > MOST_APART else 0.0
        return seconds + self._shift


def _told(raw: bytes) -> float:
    """The time that the line tells; not a number, if none."""
    found = _TIME.search(raw)
    try:
        return unix(found[1].decode("ascii")) if found else float("nan")
    except (ValueError, OverflowError):
        return float("nan")
