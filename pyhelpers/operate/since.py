"""Which lines of a log are from a time on?

    10m, 2h, 1d                               so long ago, also 90d
    08:30, 08:30:15                           the last time that it was that late
    2026-11-20, 2026-11-20 08:30[:15[.5]]     local time, with T instead of the blank too, or with Z or +08:00 behind it

The time of a line is the stamp with which it begins: as above with a date, also as YYYY/MM/DD, with a comma behind the
date (`2013-11-20, 08:01:27.123, `), in brackets, or as syslog has it (`Nov 20 08:01:27`).  A line without a stamp
belongs to the line before it.  A text without any stamp is from that time on if its file was written to since then.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

from base.exits import USAGE, Refused
from config.values import period

MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
CLOCK = r"(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
ZONE = r"\s?(Z|UTC|GMT|[+-]\d\d:?\d\d)?"
DATED = re.compile(rf"[\[(]?(\d{{4}})[-/.](\d\d)[-/.](\d\d)(?:(?:,\s?|[T _-]){CLOCK}{ZONE})?")
SYSLOG = re.compile(rf"([A-Z][a-z][a-z])\s+(\d{{1,2}}) {CLOCK}")
LONGEST = 64  # characters of a line that can hold its stamp
DAY = 86400.0


def parsed(text: str, now: float, word: str = "tail") -> float:
    """The time that --since of this word names, in seconds of Unix time.  Raises Refused."""
    clock = re.fullmatch(CLOCK, text)
    if clock:
        today = _local(*time.localtime(now)[:3], *clock.groups())
        return today if today <= now else today - DAY
    found = DATED.fullmatch(text)
    try:
        if found:
            return _dated(*found.groups())
        return now - period(text)
    except (ValueError, OverflowError):
        raise Refused(
            USAGE, f'{word}: --since "{text}" is no time; write it like 10m, 08:30, 2026-11-20 or "2026-11-20 08:30"'
        ) from None


def stamp(line: bytes, now: float) -> float | None:
    """The time with which the line begins, in seconds of Unix time; None: it begins with none."""
    text = line[:LONGEST].decode("ascii", "replace")
    found = DATED.match(text)
    try:
        if found and found[4]:
            return _dated(*found.groups())
        found = SYSLOG.match(text)
        return _syslog(now, *found.groups()) if found and found[1] in MONTHS else None
    except (ValueError, OverflowError):
        return None


def _dated(year: str, month: str, day: str, *rest: str | None) -> float:
    *clock, zone = rest
    if not zone:
        return _local(int(year), int(month), int(day), *clock)
    offset = timedelta()
    if zone[0] in "+-":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    return _moment(int(year), int(month), int(day), *clock, zone=timezone(offset))


def _syslog(now: float, month: str, day: str, *clock: str | None) -> float:
    year = time.localtime(now).tm_year
    found = _local(year, MONTHS[month], int(day), *clock)
    return found if found <= now + DAY else _local(year - 1, MONTHS[month], int(day), *clock)


def _local(year: int, month: int, day: int, *clock: str | None) -> float:
    return _moment(year, month, day, *clock)


def _moment(year: int, month: int, day: int, *clock: str | None, zone: timezone | None = None) -> float:
    hour, minute, second = (int(number or 0) for number in clock[:3])
    fraction = float(f"0.{clock[3] or 0}") if len(clock) > 3 else 0.0
    return datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp() + fraction


class Since:
    """Lets the lines of one text pass that are from `begin` on, in seconds of Unix time."""

    def __init__(self, begin: float, now: float) -> None:
        self._begin = begin
        self._now = now
        self._is_undecided = True
        self._passes = False

    def passing(self, lines: list[bytes]) -> list[bytes]:
        """Those of the next lines that are."""
        if self._passes or not lines:
            return lines
        if self._is_undecided:
            self._is_undecided = False
            self._passes = all(stamp(line, self._now) is None for line in lines)
        at = 0
        while at < len(lines) and not self._passes:
            found = stamp(lines[at], self._now)
            self._passes = found is not None and found >= self._begin
            at += not self._passes
        return lines[at:]
