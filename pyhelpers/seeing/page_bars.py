"""The bars of a report: a row for each server, with one mark a day (seeing/page_marks.py)."""

from __future__ import annotations

from seeing import page_axis, page_restarts
from seeing.days import Day, days
from seeing.history_table import lasted
from seeing.markup import fitting, plural, share, text
from seeing.page_marks import HEIGHT, OFF, PART, STEP, UNWATCHED, UP, bare, kind_of, titled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seeing.findings import Findings, Subject

FEW = 24  # servers: so many are shown even if nothing happened to them
MOST_BYTES = 260_000
MOST_TITLED = 130_000  # bytes of rows whose marks have titles: those of the worst servers
MOST_DASHED = 120  # days: of more there is no room between the marks


def section(found: Findings, subjects: list[Subject], lost: list[float]) -> Iterator[str]:
    """The section.  lost: gets the seconds that all servers were down, for each day."""
    count = len(found.limits) - 1
    rows, left = fitting(_rows(found, subjects, lost), MOST_BYTES)
    few = "" if count <= MOST_DASHED else " many"
    yield f'<section aria-labelledby="days"><h2 id="days">{plural(count, "day")} <small>one mark a day</small></h2>'
    yield f'<ul class="rows days{few}">'
    yield from rows
    yield page_restarts.row(found, subjects)
    yield f'<li class="axis"><span></span>{page_axis.days(found.limits)}<span></span></li></ul>'
    yield _left(len(subjects), len(rows), left)
    yield KEY
    yield "</section>"


def _left(all_of_them: int, shown: int, left: int) -> str:
    whole = all_of_them - shown - left
    words = [f"{plural(whole, 'more server')} had no outage and no gap in these days."] if whole else []
    words += [f"{plural(left, 'more server')} had outages, see the table below."] if left else []
    return f'<p class="soft">{" ".join(words)}</p>' if words else ""


def _rows(found: Findings, subjects: list[Subject], lost: list[float]) -> Iterator[str]:
    shows_all = len(subjects) <= FEW
    room = MOST_TITLED
    for subject in sorted(subjects, key=_worst_first):
        course = days(subject.course, found.limits)
        for at, day in enumerate(course):
            lost[at] += day.down
        if shows_all or any(kind_of(day) != UP for day in course):
            row = _row(subject, course, titled(course, subject.restarts)) if room > 0 else ""
            room -= len(row)
            yield row if room > 0 else _row(subject, course, bare(course))


def _worst_first(subject: Subject) -> float:
    known = subject.uptime.percent
    return 101.0 if known is None else known


def _row(subject: Subject, course: list[Day], marks: Iterable[str]) -> str:
    name = text(subject.name)
    label = f"{name}: {text(_label(course))}"
    return (
        f'<li><b>{name}</b><svg viewBox="0 0 {STEP * len(course)} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{label}">{"".join(marks)}</svg><span class="num">{share(subject.uptime.percent)}</span></li>'
    )


def _label(course: list[Day]) -> str:
    """What the bar says, in words."""
    bad = [day for day in course if day.outages]
    gaps = sum(day.unknown > PART * (day.end - day.begin) for day in course)
    words = [f"down on {len(bad)} of {len(course)} days, {lasted(sum(day.down for day in bad))}"] if bad else []
    words += [f"not watched for some time of {plural(gaps, 'day')}"] if gaps else []
    return "; ".join(words) or "no outage"


def _sample(shape: str, words: str) -> str:
    return f'<span><svg viewBox="0 0 16 {HEIGHT}" aria-hidden="true">{shape}</svg>{words}</span>'


KEY = (
    '<p class="key days">'
    + _sample('<path class="u" d="M0 13.5h16"/>', "no outage")
    + _sample('<rect class="w" x="4" y="3" width="8" height="17"/>', "less than 1% of the day down")
    + _sample('<rect class="d" x="4" y="0" width="8" height="20"/>', "more")
    + _sample('<path class="o" d="M0 13.5h16"/>', OFF)
    + _sample('<rect class="n" x="0" y="7" width="16" height="13"/>', UNWATCHED)
    + "</p>"
)
