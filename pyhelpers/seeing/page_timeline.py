"""The last 24 hours of a report: a lane for each server, with every state that it was in."""

from __future__ import annotations

import time

from seeing import page_axis, states
from seeing.findings import LAST_DAY
from seeing.history_table import lasted
from seeing.markup import fitting, number, plural, text
from seeing.states import BACKOFF, EXITED, FATAL, PAUSED, RUNNING, STANDBY, STARTING, STOPPED, UNWATCHED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeing.findings import Findings, Subject

    Spans = list[tuple[float, float, str]]

FEW = 12  # servers: so many have a lane even if they ran all the time
MOST_BYTES = 110_000
MOST_SPANS = 250  # in a lane; one with more is shown in steps
STEP = 300.0  # seconds
MINUTES, HEIGHT = 1440, 16  # of the picture
LEAST_WIDTH = 0.5  # minutes; what is none wide is not drawn at all
MOST_WORDS = 6  # states that the words for a lane tell


def section(found: Findings, subjects: list[Subject]) -> Iterator[str]:
    """The section."""
    begin = found.now - LAST_DAY
    lanes = [(subject, states.spans(subject.course, subject.changes, begin, found.now)) for subject in subjects]
    eventful = [lane for lane in lanes if len(subjects) <= FEW or len(lane[1]) > 1 or _state(lane[1]) != RUNNING]
    rows, left = fitting((_lane(*lane, begin) for lane in sorted(eventful, key=_worst_first)), MOST_BYTES)
    yield f'<section aria-labelledby="hours"><h2 id="hours">Last 24 hours <small>to {_clock(found.now)}</small></h2>'
    if rows:
        yield '<ul class="rows lanes">'
        yield from rows
        yield f'<li class="axis"><span></span>{page_axis.hours(begin, found.now)}<span></span></li></ul>'
    words = [f"{plural(len(lanes) - len(eventful), 'server')} ran all the time."] if len(lanes) > len(eventful) else []
    words += [f"{plural(left, 'more server')} changed too; see history."] if left else []
    yield f'<p class="soft">{" ".join(words)}</p>' if words else ""
    yield KEY if rows else ""
    yield "</section>"


def _state(spans: Spans) -> str:
    """The last state."""
    return spans[-1][2] if spans else UNWATCHED


def _worst_first(lane: tuple[Subject, Spans]) -> tuple[int, float]:
    _, spans = lane
    down = sum(end - begin for begin, end, state in spans if state in (STARTING, BACKOFF, FATAL))
    return states.WORST_FIRST.index(_state(spans)), -down


def _lane(subject: Subject, spans: Spans, begin: float) -> str:
    name = text(subject.name)
    shown = states.coarse(spans, STEP) if len(spans) > MOST_SPANS else spans
    marks = "".join(_mark(*span, begin) for span in shown)
    return (
        f'<li><b>{name}</b><svg viewBox="0 0 {MINUTES} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{name}: {_label(spans)}">{marks}</svg>'
        f'<span class="num st{_class(spans)}">{_state(spans)}</span></li>'
    )


def _class(spans: Spans) -> str:
    return " bad" if _state(spans) in (STARTING, BACKOFF, FATAL) else ""


def _label(spans: Spans) -> str:
    """How long it was in which state, in words."""
    took: dict[str, float] = {}
    for begin, end, state in spans:
        took[state] = took.get(state, 0.0) + end - begin
    worst = sorted(took, key=states.WORST_FIRST.index)[:MOST_WORDS]
    return ", ".join(f"{state} {lasted(took[state])}" for state in worst) or UNWATCHED


def _mark(first: float, last: float, state: str, begin: float) -> str:
    x, width = (first - begin) / 60, max(LEAST_WIDTH, (last - first) / 60)
    title = f"<title>{_clock(first)} to {_clock(last)}: {state}, {lasted(last - first)}</title>"
    if state in (RUNNING, STOPPED, EXITED, STANDBY):
        letter = "u" if state == RUNNING else "o"
        return f'<path class="{letter}" d="M{number(x)} 8h{number(width)}">{title}</path>'
    letter, top, height = SHAPES[state]
    return f'<rect class="{letter}" x="{number(x)}" y="{top}" width="{number(width)}" height="{height}">{title}</rect>'


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


# class, and where it begins from above, and how high it is
SHAPES = {
    STARTING: ("w", 3, 10),
    BACKOFF: ("x", 1, 14),
    FATAL: ("d", 0, 16),
    PAUSED: ("pa", 5, 6),
    UNWATCHED: ("n", 2, 12),
}


def _sample(state: str, words: str) -> str:
    if state in SHAPES:
        letter, top, height = SHAPES[state]
        shape = f'<rect class="{letter}" x="2" y="{top}" width="12" height="{height}"/>'
    else:
        shape = f'<path class="{"u" if state == RUNNING else "o"}" d="M0 8h16"/>'
    return f'<span><svg viewBox="0 0 16 {HEIGHT}" aria-hidden="true">{shape}</svg>{words}</span>'


KEY = (
    '<p class="key lanes">'
    + _sample(RUNNING, RUNNING)
    + _sample(STARTING, STARTING)
    + _sample(BACKOFF, BACKOFF)
    + _sample(FATAL, FATAL)
    + _sample(STOPPED, f"{STOPPED}, {EXITED}, {STANDBY}")
    + _sample(PAUSED, PAUSED)
    + _sample(UNWATCHED, UNWATCHED)
    + "</p>"
)
