"""The marks of a bar of a report, one a day, with the outages of that day in its title.

A day without an outage is a low mark, one with outages a higher one, the highest if a hundredth of the day or more was
lost.  The share of a day that no monitor watched is hatched.  Equal days are one element.
"""

from __future__ import annotations

import time

from seeing.days import Day
from seeing.history_table import lasted
from seeing.markup import number, plural, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MUCH = 0.01  # of a day; more than that is a bad day
PART = 0.01  # of a day; less than that of unwatched time is only told in the title
WHOLE = 0.999
MOST_OUTAGES = 6  # in a title
STEP, HEIGHT = 4, 20  # of the mark of one day, with a gap behind it
TOP, TOP_OF_FEW, TOP_OF_BAD = 7, 3, 0  # where marks begin, from above
LEAST_HATCHED = 3.0
MIDDLE = number((TOP + HEIGHT) / 2)
UP, OFF, UNWATCHED = "up", "stopped or paused", "no monitor watched"


def kind_of(day: Day) -> str:
    """UP, OFF or UNWATCHED for a day that was nothing else; "" for any other."""
    length = day.end - day.begin
    if day.outages:
        return ""
    if day.unknown >= WHOLE * length:
        return UNWATCHED
    if day.unknown >= PART * length or (day.up and day.off >= PART * length):
        return ""
    return OFF if not day.up and day.off else UP


def titled(course: list[Day], restarts: dict[int, int]) -> Iterator[str]:
    """The marks with their titles.  restarts: by the number of the day."""
    at = 0
    while at < len(course):
        kind = kind_of(course[at])
        end = at + 1
        while kind and end < len(course) and kind_of(course[end]) == kind:
            end += 1
        yield _run(kind, at, end, course) if kind else _single(at, course[at], restarts.get(at, 0))
        at = end


def _run(kind: str, at: int, end: int, course: list[Day]) -> str:
    first, last = _date(course[at]), _date(course[end - 1])
    title = f"<title>{first if first == last else f'{first} to {last}'}: {kind}</title>"
    if kind == UNWATCHED:
        return f'<path class="n" d="{_box(at, TOP, HEIGHT - TOP, STEP * (end - at))}">{title}</path>'
    return f'<path class="{"u" if kind == UP else "o"}" d="{_line(at, end)}">{title}</path>'


def _single(at: int, day: Day, restarts: int) -> str:
    parts = [f'<path class="{letter}" d="{path}"/>' for letter, path in _shapes(at, day)]
    return f"<g><title>{_lines(title_of(day, restarts))}</title>{''.join(parts)}</g>"


def _shapes(at: int, day: Day) -> Iterator[tuple[str, str]]:
    """Class and path of what stands for one day."""
    if day.outages:
        letter, top = ("d", TOP_OF_BAD) if day.lost >= MUCH else ("w", TOP_OF_FEW)
        yield letter, _box(at, top, HEIGHT - top, STEP - 1)
    elif day.up or day.off:
        yield "u" if day.up >= day.off else "o", _line(at, at + 1)
    hidden = day.unknown / (day.end - day.begin)
    if hidden >= PART:
        yield "n", _box(at, TOP, min(max(LEAST_HATCHED, hidden * (HEIGHT - TOP)), HEIGHT - TOP), STEP)


def _line(at: int, end: int) -> str:
    """Over these days; it is drawn as thick as low marks are high."""
    return f"M{STEP * at} {MIDDLE}h{STEP * (end - at)}"


def _box(at: int, top: int, height: float, width: int) -> str:
    return f"M{STEP * at} {top}h{width}v{number(height)}h-{width}z"


def _date(day: Day) -> str:
    return time.strftime("%a %d %b", time.localtime(day.begin))


def _lines(words: list[str]) -> str:
    return "\n".join(map(text, words))


def title_of(day: Day, restarts: int) -> list[str]:
    """The lines of the title of a day: how long it was down, each outage, and what else was."""
    found = [f"{_date(day)}: no outage"]
    if day.outages:
        found = [f"{_date(day)}: down {lasted(day.down)} in {plural(len(day.outages), 'outage')}"]
    for begin, end in day.outages[:MOST_OUTAGES]:
        found.append(f"{time.strftime('%H:%M:%S', time.localtime(begin))} for {lasted(end - begin)}")
    if len(day.outages) > MOST_OUTAGES:
        found.append(f"and {len(day.outages) - MOST_OUTAGES} more")
    found += [plural(restarts, "restart")] if restarts else []
    found += [f"{UNWATCHED} {lasted(day.unknown)}"] if day.unknown >= 1 else []
    found += [f"{OFF} {lasted(day.off)}"] if day.off >= 1 else []
    return found


def bare(course: list[Day]) -> Iterator[str]:
    """The same marks without titles, in a tenth of the bytes: one path for each kind of them."""
    paths: dict[str, list[str]] = {"u": [], "o": [], "w": [], "d": [], "n": []}
    begin = 0
    for at, day in enumerate(course):
        if not day.up or day.off > day.up:
            paths["u"] += [_line(begin, at)] if at > begin else []
            begin = at + 1
        for letter, path in _shapes(at, day):
            paths[letter] += [path] if letter != "u" else []
    paths["u"] += [_line(begin, len(course))] if len(course) > begin else []
    yield from (f'<path class="{letter}" d="{"".join(path)}"/>' for letter, path in paths.items() if path)
