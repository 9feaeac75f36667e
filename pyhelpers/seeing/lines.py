"""The lines of history.jsonl as objects, each with the time at which it really happened (seeing/clocks.py).

for line in seeing.lines.read(state_dir):
    line.seconds, line.event, line.server, line.more.get("down_ms")
"""

from __future__ import annotations

import heapq
import json
import time

from base.exits import FAILED, Refused
from seeing import lost as untold
from seeing.clocks import Clocks, unix
from state import whole_history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

VERSION = 1  # of the lines, as lib/presence.sh writes it: the highest that we can read
OWN = ("watching", "ended")  # events of a monitor
AT_ONCE = 256  # lines; several monitors write, and a line may come a little late
TOLD_EVERY = 2000  # lines


class Line:
    """One line.  server: (name, dir), dir "" for the first of its name; more: members that few events have."""

    __slots__ = "action boot cause detail event incident more pid seconds server".split()

    def __init__(self, found: dict[str, Any]) -> None:
        take = found.pop
        self.seconds = unix(take("time"))
        self.event = str(take("event"))
        self.server = str(take("server")), str(take("dir", ""))
        self.pid = take("pid", None)
        self.cause, self.action = str(take("cause", "")), str(take("action", ""))
        self.incident, self.detail = str(take("incident", "")), str(take("detail", ""))
        boot = take("boot", None)
        self.boot = boot if isinstance(boot, int) else None
        self.more = found


def parsed(raw: Iterable[bytes]) -> list[Line]:
    """In the order of the file.  A line that is torn or alien is left out."""
    return [line for line in map(_line, raw) if line]


def _line(raw: bytes) -> Line | None:
    try:
        return Line(json.loads(raw.decode()))  # faster than of bytes, whose encoding it would guess
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def read(state_dir: str, show: Callable[[str], None] | None = None) -> list[Line]:
    """All lines of the history, the oldest first.  show: as of told().

    Raises OSError: there is one that we may not read; Refused, as streamed().
    """
    lines = streamed(state_dir)
    return _sorted(told(lines, show) if show else lines)


def told(lines: Iterable[Line], show: Callable[[str], None]) -> Iterator[Line]:
    """The same lines; show gets the date of some of them, for a progress line."""
    for number, line in enumerate(lines):
        if number % TOLD_EVERY == 0:
            show(f"reading the history: {time.strftime('%Y-%m-%d', time.localtime(line.seconds))}")
        yield line


def newest(state_dir: str) -> list[Line]:
    """The same, but only of the end of the history; [] if we may not read it."""
    lost: list[bytes] = []
    raw = list(_without(whole_history.newest(state_dir), lost))
    return _sorted([*_put_right(raw, Clocks(raw)), *parsed(lost)])


def _sorted(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line.seconds)


def streamed(state_dir: str) -> Iterator[Line]:
    """The same one by one, so that a long history takes no memory.  A line that came very late is not in order.

    Among them are the ends of monitors that no line tells yet (seeing/lost.py).  Reads the files twice.
    Raises OSError, Refused: a file is damaged, or a newer version of the suite has written it.
    """
    lost: list[bytes] = []
    clocks = Clocks(_without(whole_history.every_line(state_dir), lost))
    lines = _known(_put_right(_without(whole_history.every_line(state_dir), []), clocks), state_dir)
    ends = _sorted([*parsed(lost), *map(Line, untold.ends(state_dir))])
    return heapq.merge(_in_order(lines), ends, key=lambda line: line.seconds)


def _without(raw: Iterable[bytes], lost: list[bytes]) -> Iterator[bytes]:
    """The lines without those that a later monitor wrote about one that was killed: these go into lost."""
    for line in raw:
        if b'"action":"lost"' in line and b'"event":"ended"' in line:
            lost.append(line)
        else:
            yield line


def _put_right(raw: Iterable[bytes], clocks: Clocks) -> Iterator[Line]:
    for each in raw:
        line = _line(each)
        seconds = clocks.right(each, line.seconds if line else 0.0)  # a torn line counts there too
        if line:
            line.seconds = seconds
            yield line


def _known(lines: Iterator[Line], state_dir: str) -> Iterator[Line]:
    """The same, if we know what they mean.  Raises Refused."""
    for line in lines:
        text = newer(line, state_dir)
        if text:
            raise Refused(FAILED, f"{text}; ask that one")
        yield line


def newer(line: Line, state_dir: str) -> str:
    """A remark, if a version of the suite that we do not know writes from this line on; else ""."""
    version = line.more.get("version")
    if line.event != "watching" or not isinstance(version, int) or version <= VERSION:
        return ""
    when = time.strftime("%Y-%m-%d", time.localtime(line.seconds))
    text = f"{state_dir}/{whole_history.NAME}: from {when} on a newer version of the suite has written it"
    return f"{text} (lines of version {version})"


def _in_order(lines: Iterable[Line]) -> Iterator[Line]:
    """The same by their time, as far as none is later than AT_ONCE others."""
    waiting: list[tuple[float, int, Line]] = []
    for number, line in enumerate(lines):
        if len(waiting) < AT_ONCE:
            heapq.heappush(waiting, (line.seconds, number, line))
        else:
            yield heapq.heappushpop(waiting, (line.seconds, number, line))[2]
    while waiting:
        yield heapq.heappop(waiting)[2]
