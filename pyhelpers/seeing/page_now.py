"""The top of a report: what is wrong now, and the figures of the period."""

from __future__ import annotations

import time

from seeing.course import DOWN, UNKNOWN, UP
from seeing.history_table import lasted
from seeing.markup import fitting, plural, share, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeing.findings import Findings, Subject

MOST_BYTES = 40_000
MOST_ALIKE = 3  # rows; more of which the same is to be said are one
MOST_NAMES = 40  # in it
WORST_FIRST = "FATAL UNKNOWN BACKOFF EXITED STOPPED STOPPING STARTING PAUSED STANDBY RUNNING".split()
ORDERED = ("STOPPED", "PAUSED", "STOPPING")
DONE = "exit 0"
SIGNS = {  # each of its own shape, not only of its own colour
    "bad": '<path class="d" d="M8 1l8 14H0z"/>',
    "off": '<path class="n" d="M1 5h14v6H1z"/>',
    "good": '<path d="M1 9l5 5L15 3" fill="none" class="u" stroke-width="3"/>',
}


def is_wrong(subject: Subject) -> bool:
    """Is it not as conf and operators want it, or does it run while no monitor watches it?"""
    if subject.row is None or is_ordered(subject):
        return False
    return subject.row["state"] != "RUNNING" or not subject.course.spans or subject.course.spans[-1][2] == UNKNOWN


def is_ordered(subject: Subject) -> bool:
    """Is it not to run: because an operator said so, another machine has it, or it has done its work, as conf says?"""
    row = subject.row or {"state": "", "want": "", "last_exit": ""}
    if row["state"] in ("STANDBY", "EXITED"):
        return bool(row["state"] == "STANDBY" or row["last_exit"] == DONE)
    return row["state"] in ORDERED and row["want"] in ("down", "paused")


def verdict(subjects: list[Subject]) -> tuple[str, str]:
    """How it is now, in a line, and its sign."""
    asked = [subject for subject in subjects if subject.row]
    wrong = sum(map(is_wrong, asked))
    ordered = sum(map(is_ordered, asked))
    if wrong:
        return f"{wrong} of {plural(len(asked), 'server')} {'needs' if wrong == 1 else 'need'} attention", "bad"
    if not asked:
        return "No server is configured", "off"
    if ordered == len(asked):
        return "No server is to run now", "off"
    if ordered:
        runs = "runs" if len(asked) - ordered == 1 else "run"
        return f"{len(asked) - ordered} of {plural(len(asked), 'server')} {runs}, the others are not to run", "off"
    return "The server runs" if len(asked) == 1 else f"All {len(asked)} servers run", "good"


def section(found: Findings, subjects: list[Subject]) -> Iterator[str]:
    """What does not run, and remarks on what does."""
    told = [
        subject for subject in subjects if subject.row and (subject.row["state"] != "RUNNING" or subject.row["message"])
    ]
    told.sort(key=lambda subject: (not is_wrong(subject), _rank(subject)))
    rows, left = fitting(_rows(told, found.now), MOST_BYTES)
    if found.undelivered:
        rows.append(_row("alerts", "FAILED", True, "", f"{found.undelivered} not delivered: ./monitor.sh alerts"))
    if not rows:
        return
    yield '<section aria-labelledby="now"><h2 id="now">Now</h2><ul class="now">'
    yield from rows
    yield "</ul>"
    yield '<p class="soft">There are more: ./monitor.sh status</p>' if left else ""
    yield "</section>"


def _rank(subject: Subject) -> int:
    state = subject.row["state"] if subject.row else ""
    return WORST_FIRST.index(state) if state in WORST_FIRST else -1


def _rows(told: list[Subject], now: float) -> Iterator[str]:
    """A row for each; for several of which the same is to be said, one row with their names."""
    alike: dict[tuple[str, str, bool], list[Subject]] = {}
    for subject in told:
        row = subject.row or {}
        why = row["message"] or row["last_exit"] or ""
        alike.setdefault((row["state"], why, is_wrong(subject)), []).append(subject)
    for (state, why, wrong), subjects in alike.items():
        if len(subjects) > MOST_ALIKE:
            names = ", ".join(subject.name for subject in subjects[:MOST_NAMES])
            names += f" and {len(subjects) - MOST_NAMES} more" if len(subjects) > MOST_NAMES else ""
            about = f'{text(why)}<span class="soft names">{text(names)}</span>'
            yield _row(f"{len(subjects)} servers", state, wrong, "", about)
        else:
            for subject in subjects:
                yield _row(text(subject.name), state, wrong, _since(subject, now), text(why))


def _row(name: str, state: str, wrong: bool, since: str, about: str) -> str:
    return (
        f'<li><b>{name}</b><span class="st{" bad" if wrong else ""}">{text(state)}</span>'
        f'<span class="num soft">{since}</span><span class="why">{about}</span></li>'
    )


def _since(subject: Subject, now: float) -> str:
    """How long it has not run, as far as that is known."""
    begin, _, condition = subject.course.spans[-1] if subject.course.spans else (now, now, UP)
    is_known = condition != UP and subject.row is not None and subject.row["state"] != "RUNNING"
    return lasted(now - begin) if is_known and now > begin > float("-inf") else ""


def figures(found: Findings, subjects: list[Subject]) -> Iterator[str]:
    """The figures of the period, of all servers together."""
    up = sum(subject.uptime.seconds[UP] for subject in subjects)
    down = sum(subject.uptime.seconds[DOWN] for subject in subjects)
    yield '<dl class="figures">'
    yield _figure("Available", share(100 * up / (up + down)) if up + down else "not known", "")
    yield _figure(
        "Time down", lasted(down) if down else "none", "all servers together" if down and subjects[1:] else ""
    )
    yield _figure("Incidents", str(sum(found.counts.values())), "")
    yield _figure("Restarts", str(sum(sum(subject.restarts.values()) for subject in subjects)), "")
    longest = max(subjects, key=lambda subject: subject.uptime.longest or 0.0, default=None)
    if longest and longest.uptime.longest:
        yield _figure("Longest outage", lasted(longest.uptime.longest), f"{longest.name}{_day_of(longest, found)}")
    yield "</dl>"


def _day_of(subject: Subject, found: Findings) -> str:
    """On which day its longest outage began."""
    limits = found.limits
    spans = [
        (min(end, limits[-1]) - max(begin, limits[0]), max(begin, limits[0]))
        for begin, end, condition in subject.course.spans
        if condition == DOWN and end > limits[0]
    ]
    return time.strftime(", %a %d %b", time.localtime(max(spans)[1])) if spans else ""


def _figure(name: str, value: str, remark: str) -> str:
    return f"<div><dt>{name}</dt><dd>{value}{f'<small>{text(remark)}</small>' if remark else ''}</dd></div>"
