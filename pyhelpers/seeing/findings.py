"""What a report shows: servers and their courses, incidents, restarts and changes, out of one reading of the history.

Of a history of any length only what the report can show is kept.
"""

from __future__ import annotations

import os
from collections import deque

from seeing import days, lines
from seeing.course import ENDS, Course, Courses, key_in
from seeing.incidents import SHOWN, Incidents
from seeing.states import Changes
from seeing.uptime import Uptime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from proc.server import Server
    from seeing.course import Key
    from seeing.incidents import Entry
    from seeing.lines import Line

LAST_DAY = 86400.0  # seconds that the timeline shows
MOST_INCIDENTS = 4000  # a report has no room for more
MOST_WORDS = 400  # of so many incidents it has what the server printed last
COUNTED = (*ENDS, "start_failed", "give_up")


class Subject:
    """One server of the report.

    row: as operate/look.py has it, None if conf no longer has the server; restarts: of each day.
    """

    __slots__ = "changes course name restarts row uptime".split()

    def __init__(self, name: str, row: dict[str, Any] | None, course: Course, found: Findings, key: Key) -> None:
        self.name, self.row, self.course = name, row, course
        self.restarts = found.restarts.get(key) or {}
        self.changes = found.changes.get(key) or Changes(found.limits[-1])
        self.uptime = Uptime(course, found.limits[0], found.limits[-1])


class Findings:
    """limits: of the days, see seeing/days.py; restarts: by server and number of the day; incidents: the newest ones,
    oldest first; counts: of incidents by the number of the day, with `others` of whom the report has no room.
    undelivered: how many alerts no hook took.  wanted: is this server (name, dir) to be shown?
    """

    def __init__(self, now: float, count: int, wanted: Callable[[Key], bool]) -> None:
        self.now = now
        self.limits = days.bounds(now, count)
        self.courses: dict[Key, Course] = {}
        self.restarts: dict[Key, dict[int, int]] = {}
        self.changes: dict[Key, Changes] = {}
        self.incidents: deque[Entry] = deque(maxlen=MOST_INCIDENTS)
        self.counts: dict[int, int] = {}
        self.undelivered = 0
        self._with_words: deque[Entry] = deque()
        self._wanted = wanted

    def read(self, state_dir: str, show: Callable[[str], None]) -> None:
        """Read the history.  show: gets a progress line now and then.  Raises OSError."""
        courses, incidents = Courses(), Incidents(MOST_INCIDENTS)
        for line in lines.told(lines.streamed(state_dir), show):
            courses.take(line)
            entry = incidents.take(line)
            if line.server[0] and self._wanted(line.server):
                self._take(line)
            if entry and self.limits[0] <= line.seconds <= self.now:
                self._keep(entry)
        self.courses = courses.end(self.now)
        self.undelivered = _count(f"{state_dir}/alerts/failed")

    def _take(self, line: Line) -> None:
        changes = self.changes.get(line.server)
        if not changes:
            changes = self.changes[line.server] = Changes(self.now - LAST_DAY)
        changes.take(line)
        if line.event == "restarted" and self.limits[0] <= line.seconds <= self.now:
            restarts = self.restarts.setdefault(line.server, {})
            day = days.number_of(line.seconds, self.limits)
            restarts[day] = restarts.get(day, 0) + 1

    def _keep(self, entry: Entry) -> None:
        if entry.what not in SHOWN or (entry.server[0] and not self._wanted(entry.server)):
            return
        self.incidents.append(entry)
        self._with_words.append(entry)
        if len(self._with_words) > MOST_WORDS:
            self._with_words.popleft().extras = Forgotten()
        if entry.what in COUNTED:
            day = days.number_of(entry.seconds, self.limits)
            self.counts[day] = self.counts.get(day, 0) + 1

    def subjects(self, servers: list[Server], rows: list[dict[str, Any]], has_former: bool) -> list[Subject]:
        """Those of conf in their order; has_former: then those of the period that only the history knows."""
        found = []
        known = set()
        for server, row in zip(servers, rows):
            key = key_in(self.courses, server)
            known.add(key)
            found.append(Subject(server.shown, row, self.courses.get(key) or _unknown(self.now), self, key))
        for key, course in self.courses.items() if has_former else ():
            subject = Subject(" in ".join(filter(None, key)), None, course, self, key)
            if key not in known and subject.uptime.percent is not None:
                found.append(subject)
        return found


class Forgotten(dict[str, str]):
    """Of an incident for whose last words there is no room: it takes none."""

    def __setitem__(self, key: str, value: str) -> None:
        pass


def _count(directory: str) -> int:
    """How many files are in it, as far as we may know."""
    try:
        return len(os.listdir(directory))
    except OSError:
        return 0


def _unknown(now: float) -> Course:
    course = Course()
    course.end(now)
    return course
