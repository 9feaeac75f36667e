"""Incidents of a report by date, folded: cause, how long down, what was done, and what the server printed last."""

from __future__ import annotations

import time

from seeing.days import number_of
from seeing.history_table import done, down, lasted, what
from seeing.markup import lines, plural, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeing.findings import Findings
    from seeing.incidents import Entry

MOST_BYTES = 270_000
MOST_OF_DAYS = 50_000  # bytes of the lines of days
MOST_WORDS = 100_000  # bytes of what servers printed last
MOST_LINES = 20  # of what one printed


def section(found: Findings, lost: list[float]) -> Iterator[str]:
    """The section.  lost: the seconds that all servers were down, for each day."""
    yield '<section aria-labelledby="incidents"><h2 id="incidents">Incidents by date</h2>'
    room = _Room()
    some = False
    for day, entries in _by_day(found):
        some = True
        head = _head(day, entries, found, lost[day], room.is_new)
        if not room.takes_day(head):
            yield '<p class="soft">There are more days, see ./monitor.sh history.</p>'
            break
        yield head
        yield from _body(day, entries, found, room)
    if not some:
        yield '<p class="soft">Nothing has happened in these days.</p>'
    yield "</section>"


class _Room:
    """How many bytes are left for incidents, and for what servers printed last."""

    def __init__(self) -> None:
        self.bytes, self.words, self.days = MOST_BYTES, MOST_WORDS, MOST_OF_DAYS

    def takes_day(self, head: str) -> bool:
        """Is there room for the line of another day?"""
        self.days -= len(head)
        return self.days >= 0

    @property
    def is_new(self) -> bool:
        """Has nothing been shown yet?"""
        return self.bytes == MOST_BYTES

    def takes(self, part: str) -> bool:
        """Is there room for it?  Then it is taken."""
        self.bytes -= len(part.encode("utf-8", "replace"))
        return self.bytes >= 0

    def takes_words(self, words: str) -> bool:
        """Is there room for these last words?"""
        size = len(words.encode("utf-8", "replace"))
        if size > self.words or size > self.bytes:
            return False
        self.words -= size
        return True


def _by_day(found: Findings) -> Iterator[tuple[int, list[Entry]]]:
    """The number of each day on which something happened, the newest first, with its entries, newest first."""
    days: dict[int, list[Entry]] = {day: [] for day in sorted(found.counts, reverse=True)}
    for entry in reversed(found.incidents):
        days.setdefault(number_of(entry.seconds, found.limits), []).append(entry)
    for day in sorted(days, reverse=True):
        yield day, days[day]


def _head(day: int, entries: list[Entry], found: Findings, lost: float, is_open: bool) -> str:
    """The line of a day."""
    count = found.counts.get(day, 0)
    names = {entry.server for entry in entries if entry.server[0]}
    incidents = plural(count, "incident") if count else "no incident"
    servers = plural(len(names), "server") if names else ""
    outage = f"{lasted(lost)} down" if lost else ""
    date = time.strftime("%a %d %b<i> %Y</i>", time.localtime(found.limits[day]))
    return (
        f'<details class="day"{" open" if is_open else ""}><summary><b>{date}</b><span>{incidents}</span>'
        f'<span class="srv">{servers}</span><span>{outage}</span></summary>'
    )


def _body(day: int, entries: list[Entry], found: Findings, room: _Room) -> Iterator[str]:
    shown = []
    for entry in entries:
        part = _entry(entry, room)
        if not room.takes(part):
            break
        shown.append(part)
    yield f"<ul>{''.join(shown)}</ul>" if shown else ""
    left = max(found.counts.get(day, 0), len(entries)) - len(shown)
    if left > 0:
        since = time.strftime("%Y-%m-%d", time.localtime(found.limits[day]))
        yield f'<p class="soft">{left} more that day: ./monitor.sh history --since {since}</p>'
    yield "</details>"


def _entry(entry: Entry, room: _Room) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(entry.seconds))
    cells = (
        f'<time>{clock}</time><b>{text(_name(entry))}</b><span class="what">{text(what(entry))}</span>'
        f'<span class="dn num">{down(entry)}</span><span class="done">{text(done(entry))}</span>'
    )
    more = _more(entry, room)
    if more:
        return f'<li><details><summary class="i">{cells}</summary><div class="more">{more}</div></details></li>'
    return f'<li><div class="i">{cells}</div></li>'


def _name(entry: Entry) -> str:
    return " in ".join(filter(None, entry.server)) or "monitor"


def _more(entry: Entry, room: _Room) -> str:
    """What is folded: the processes, the core and the last words; "" if there is none of these."""
    parts = []
    if entry.pid and entry.new_pid and entry.server[0]:
        parts.append(f"<p>pid {text(str(entry.pid))}, then {text(str(entry.new_pid))}</p>")
    if entry.extras.get("core"):
        parts.append(f"<p>core: {text(entry.extras['core'])}</p>")
    for name in ("output", "backtrace"):
        words = lines("\n".join(entry.extras.get(name, "").split("\n")[-MOST_LINES:]).strip("\n"))
        if words and room.takes_words(words):
            parts.append(f"<pre>{words}</pre>")
    return "".join(parts)
