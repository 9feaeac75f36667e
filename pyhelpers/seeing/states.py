"""In which state was a server, from when to when?  The states of `status`, out of the lines of the history.

A course (seeing/course.py) says whether the server was up, down or off; a state says why.  Where the two do not agree,
the course is right: it knows how long a server was down before a start counted.
"""

from __future__ import annotations

from bisect import bisect_right

from seeing.course import DOWN, ENDS, LEAVES, LIVING, OFF, RUNS, UNKNOWN, UP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seeing.course import Course
    from seeing.lines import Line

RUNNING, STARTING, BACKOFF, FATAL = "RUNNING", "STARTING", "BACKOFF", "FATAL"
STOPPED, EXITED, PAUSED, UNWATCHED = "STOPPED", "EXITED", "PAUSED", "UNWATCHED"
STANDBY, STANDS_BY = "STANDBY", "stands by"  # and how lib/incident.sh says it
CONDITIONS = {
    RUNNING: UP,
    **dict.fromkeys((STARTING, BACKOFF, FATAL), DOWN),
    **dict.fromkeys((STOPPED, EXITED, PAUSED, STANDBY), OFF),
}
WORST_FIRST = (FATAL, BACKOFF, STARTING, UNWATCHED, EXITED, STOPPED, PAUSED, STANDBY, RUNNING)
LAST_WORD = "~"  # stands behind the name of each state
USUAL = {UP: RUNNING, DOWN: STARTING, OFF: STOPPED, UNKNOWN: UNWATCHED}  # of a course, if no line says more
DECIDED = {"now": STARTING, "later": BACKOFF, "rival": BACKOFF, "leave": EXITED, "fatal": FATAL}  # lib/restart.sh
ORDERED = {"pause": PAUSED, "start": STARTING, "restart": STARTING, "clear": STARTING, "resume": RUNNING}


def after(line: Line, before: str) -> str:
    """The state of its server after a line; before: what it was."""
    event = line.event
    if event in RUNS:
        return RUNNING
    if event in (*ENDS, "start_failed") and line.action not in LIVING:
        found = DECIDED.get(line.action, before)
        return before if found == EXITED and before == PAUSED else found
    if event == "give_up":
        return FATAL
    if event in ("stopped", "held"):
        return STANDBY if line.action == STANDS_BY else STOPPED
    if event in LEAVES and CONDITIONS.get(before) == DOWN:
        return STANDBY
    return ORDERED.get(line.action, before) if event == "order" else before


class Changes:
    """When the state of one server changed, from a time on."""

    def __init__(self, since: float) -> None:
        self._since = since
        self.all: list[tuple[float, str]] = [(float("-inf"), "")]

    def take(self, line: Line) -> None:
        """The next line about the server."""
        before = self.all[-1][1]
        state = after(line, before)
        if state == before:
            return
        if line.seconds <= self._since:
            self.all = [(float("-inf"), state)]
        else:
            self.all.append((line.seconds, state))


def spans(course: Course, changes: Changes, begin: float, end: float) -> list[tuple[float, float, str]]:
    """(begin, end, state) between these times, one behind the other."""
    found: list[tuple[float, float, str]] = []
    for first, last, condition in course.spans:
        first, last = max(first, begin), min(last, end)
        if first < last:
            _add(found, first, last, condition, changes)
    return found


def _add(found: list[tuple[float, float, str]], first: float, last: float, condition: str, changes: Changes) -> None:
    """Add this span of a course, divided where the state changes."""
    at = bisect_right(changes.all, (first, LAST_WORD))
    begin = first
    while begin < last:
        end = min(last, changes.all[at][0]) if at < len(changes.all) else last
        state = changes.all[at - 1][1]
        shown = state if CONDITIONS.get(state) == condition else USUAL[condition]
        if found and found[-1][1:] == (begin, shown):
            found[-1] = found[-1][0], end, shown
        else:
            found.append((begin, end, shown))
        begin = end
        at += 1


def coarse(found: list[tuple[float, float, str]], step: float) -> list[tuple[float, float, str]]:
    """The spans in steps of so many seconds, each with its worst state: for a server that changes all the time."""
    begin = found[0][0]
    worst: dict[int, str] = {}
    for first, last, state in found:
        for number in range(int((first - begin) // step), int((last - begin - 1e-6) // step) + 1):
            worst[number] = min(state, worst.get(number, state), key=WORST_FIRST.index)
    merged: list[tuple[float, float, str]] = []
    for number in sorted(worst):
        end = min(begin + (number + 1) * step, found[-1][1])
        if merged and merged[-1][2] == worst[number]:
            merged[-1] = merged[-1][0], end, worst[number]
        else:
            merged.append((begin + number * step, end, worst[number]))
    return merged
