"""The axes of a report: text beside what it measures, so it keeps its shape where the picture is stretched."""

from __future__ import annotations

import time

from seeing.markup import number

LEAST_APART = 0.055  # of the width, between two labels
HOUR = 3600.0


def days(limits: list[float]) -> str:
    """Months, or Mondays if there are few days.  limits: as of seeing/days.py."""
    count = len(limits) - 1
    by_month = count > 45
    labels = []
    for at, begin in enumerate(limits[:-1]):
        day = time.localtime(begin)
        if (by_month and day.tm_mday == 1) or (not by_month and (day.tm_wday == 0 or count <= 8)):
            text = time.strftime("%b %Y" if by_month and day.tm_mon == 1 else "%b" if by_month else "%d %b", day)
            labels.append((at / count, text))
    return _axis(labels)


def hours(begin: float, end: float) -> str:
    """Every third hour of the local time."""
    labels = []
    at = begin + HOUR - begin % HOUR  # a zone whose hours begin in between gets labels between the hours
    while at < end:
        clock = time.localtime(at)
        if clock.tm_hour % 3 == 0:
            labels.append(((at - begin) / (end - begin), time.strftime("%H:%M", clock)))
        at += HOUR
    return _axis(labels)


def _axis(labels: list[tuple[float, str]]) -> str:
    shown, last = [], -1.0
    for share, text in labels:
        if share - last >= LEAST_APART and share < 1 - LEAST_APART:
            shown.append(f'<text x="{number(share * 100)}%" y="12">{text}</text>')
            last = share
    return f'<svg class="axis" aria-hidden="true">{"".join(shown)}</svg>'
