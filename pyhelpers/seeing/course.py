"""In which condition was a server, from when to when?  Out of the lines of the history.

up       it ran
down     it was to run, and did not: from its death until the process was there that stayed up
off      it was not to run: stopped, paused, restarted by order, or left alone as conf says
unknown  no monitor watched it, or what is before the first line about it
"""

from __future__ import annotations

from base.places import real
from seeing.lines import OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    from proc.server import Server
    from seeing.lines import Line

    Key = tuple[str, str]

UP, DOWN, OFF, UNKNOWN = "up", "down", "off", "unknown"
ENDS = ("death", "hung", "limit")
LIVING = ("left alone", "could not be ended", "alert")  # actions of `hung` and `limit` that end no process
RUNS = ("started", "restarted", "adopted", "moved")
LEAVES = ("fenced", "conflict", "moving")  # another machine may run it
ORDERS_OFF = ("stop", "pause", "restart")


def key_of(server: Server) -> Key:
    """How the lines of the history name it: (name, dir), dir "" for the first of its name."""
    return server.name, "" if server.kept_in == server.name else server.place


def key_in(known: Collection[Key], server: Server) -> Key:
    """The one of these that is about it: its monitor may have come to its directory through a link."""
    key = key_of(server)
    if key in known or not key[1]:
        return key
    alike = (each for each in known if each[0] == server.name and each[1] and real(each[1]) == server.directory)
    return next(alike, key)


class Course:
    """Of one server.  spans: (begin, end, condition), one behind the other; outages: (begin, end) of each time down."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float, str]] = []
        self._since = float("-inf")
        self._is = self._was = UNKNOWN  # what it is, also while no one watches; and before it was paused
        self._watchers: set[str] = set()
        self._shown = UNKNOWN

    def becomes(self, seconds: float, condition: str) -> None:
        """From then on it is so."""
        self._is = condition
        self._show(seconds)

    def _show(self, seconds: float) -> None:
        shown = self._is if self._watchers else UNKNOWN
        if shown == self._shown:
            return
        if seconds > self._since:
            self.spans.append((self._since, seconds, self._shown))
            self._since = seconds
        self._shown = shown

    @classmethod
    def again(cls, kept: list[Any]) -> Course:
        """What kept() has kept, without the spans."""
        found = cls()
        found._since, found._is, found._was, watchers, found._shown = kept
        found._watchers = set(watchers)
        return found

    def kept(self) -> list[Any]:
        """What it is, for again(): values for JSON."""
        return [self._since, self._is, self._was, sorted(self._watchers), self._shown]

    @property
    def down_since(self) -> float | None:
        """Since when it is down, in Unix time; None: it is not, as far as the history goes."""
        return self._since if self._shown == DOWN else None

    @property
    def watchers(self) -> set[str]:
        """The monitors that watch it, as their lines name them: `PID-BOOT`."""
        return self._watchers

    def move(self, seconds: float) -> None:
        """The clock was set by so much since its last change."""
        self._since += seconds

    def end(self, seconds: float) -> None:
        """The history ends here, for now."""
        if seconds > self._since:
            self.spans.append((self._since, seconds, self._shown))

    def watched(self, seconds: float, monitor: str, is_off: bool) -> None:
        """A monitor watches it from then on."""
        self._watchers = {monitor}  # a server has one; an earlier one that was killed has not said its end
        if is_off:
            self._is = OFF
        self._show(seconds)

    def unwatched(self, seconds: float, monitor: str) -> None:
        """That monitor has ended."""
        self._watchers.discard(monitor)
        self._show(seconds)

    def take(self, line: Line) -> None:
        """A line about this server."""
        seconds, event = line.seconds, line.event
        if event in RUNS:
            self._runs(line)
        elif event in ENDS and line.action not in LIVING:
            self._was = DOWN  # it does not run when it is resumed
            self.becomes(seconds, OFF if line.action == "leave" or self._is == OFF else DOWN)
        elif event in ("start_failed", "give_up"):
            self.becomes(seconds, DOWN)
        elif event in ("stopped", "held") or (event in LEAVES and self._is == DOWN):
            self.becomes(seconds, OFF)
        elif event == "order":
            self._ordered(seconds, line.action)

    def _runs(self, line: Line) -> None:
        seconds, down_ms = line.seconds, line.more.get("down_ms")
        if self._is == DOWN and self._shown == DOWN and isinstance(down_ms, (int, float)):
            seconds = max(self._since, min(seconds, self._since + down_ms / 1000))
        self.becomes(seconds, UP)

    def _ordered(self, seconds: float, word: str) -> None:
        if word == "pause" and self._is in (UP, DOWN):
            self._was = self._is
            self.becomes(seconds, OFF)
        elif word == "resume" and self._is == OFF:
            self.becomes(seconds, self._was if self._was == UP else OFF)


class Courses:
    """That of each server.  of: by (name, dir)."""

    def __init__(self) -> None:
        self.of: dict[Key, Course] = {}

    def take(self, line: Line) -> None:
        """The next line of the history."""
        if line.event in OWN:
            self._turn(line)
        elif line.server[0]:
            self._course(line.server).take(line)

    def _course(self, key: Key) -> Course:
        if key not in self.of:
            self.of[key] = Course()
        return self.of[key]

    def _turn(self, line: Line) -> None:
        """A monitor begins, takes over another conf, or ends."""
        monitor = str(line.more.get("monitor", ""))
        named = dict(_named(line)) if line.event == "watching" else {}
        for key, course in self.of.items():
            if key not in named:
                course.unwatched(line.seconds, monitor)
        for key, is_off in named.items():
            self._course(key).watched(line.seconds, monitor, is_off)

    def end(self, now: float) -> dict[Key, Course]:
        """The last span of each ends now, in seconds of Unix time."""
        for course in self.of.values():
            course.end(now)
        return self.of


def courses(lines: Iterable[Line], now: float) -> dict[Key, Course]:
    """That of each server.  now: in seconds of Unix time, where the last span ends."""
    found = Courses()
    for line in lines:
        found.take(line)
    return found.end(now)


def _named(line: Line) -> Iterable[tuple[Key, bool]]:
    servers, off = line.more.get("servers"), line.more.get("off")
    for each in servers if isinstance(servers, list) else []:
        key = (str(each.get("server")), str(each.get("dir", ""))) if isinstance(each, dict) else (str(each), "")
        yield key, isinstance(off, list) and each in off
