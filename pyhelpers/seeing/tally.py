"""Counters that only grow, over restarts of monitors and helpers: STATE_DIR/tally.json, counted out of the history.

One program at a time reads on in the history and counts (flock on tally.lock), and replaces the file by rename.  What
it shows, it has written down before, so that a kill at any moment makes no counter smaller.

The time that a server is down now counts too.  When it is up again, the history may say that this was a little less
(start_seconds are no outage, a clock was set): then the counter stands still until it is right.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager

from base import files
from base.clock import boot_seconds
from seeing.clocks import MOST_APART
from seeing.course import DOWN, ENDS, LIVING, RUNS, Course, Courses
from seeing.lines import newer, parsed
from seeing.unread import Place
from state import history, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from seeing.course import Key
    from seeing.lines import Line

NAME, LOCK, ASIDE = "tally.json", "tally.lock", "tally.json.torn"
VERSION = 1
CAUSES = ("exit", "signal", "oom", "hung", "limit", "unknown")
BOUNDS = (0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0)  # seconds, of the buckets
MOST_FAULTS = 100
SAVED_EVERY = 50_000  # lines, so that a year's history need not be read in one go


class Count:
    """Of one server.  down, shown: seconds until the last change of its course, and as they were shown last.

    is_owed: it has ended, and its restart will count.  cpu: see processor().
    """

    def __init__(self, kept: dict[str, Any]) -> None:
        self.restarts: int = kept.get("restarts", 0)
        self.ends: dict[str, int] = {cause: kept.get("ends", {}).get(cause, 0) for cause in CAUSES}
        self.down: float = kept.get("down", 0.0)
        self.shown: float = kept.get("shown", 0.0)
        self.is_owed: bool = kept.get("is_owed", False)
        self.cpu: list[Any] = kept.get("cpu", ["", 0.0, 0.0])

    def kept(self) -> dict[str, Any]:
        """Values for JSON."""
        return dict(vars(self), ends={cause: number for cause, number in self.ends.items() if number})

    def take(self, line: Line) -> float | None:
        """A line about this server; how long it was down, in seconds, if this is its restart and tells that."""
        if line.event in ENDS and line.action not in LIVING:
            self.ends[_cause(line)] += 1
            self.is_owed = line.action != "leave"
        elif line.event in ("stopped", "held"):
            self.is_owed = False
        elif line.event in RUNS and self.is_owed:
            self.is_owed = False
            self.restarts += 1
            told = line.more.get("down_ms")
            return told / 1000 if isinstance(told, (int, float)) else None
        return None

    @property
    def spent(self) -> float | None:
        """Seconds of processor time since we count; None: nothing was ever seen."""
        return float(self.cpu[2]) if self.cpu[0] else None

    def processor(self, whose: str, used: float, is_new: bool) -> None:
        """Count processor time.

        whose: what counts it, such as a cgroup; used: seconds that this has counted; is_new: all of them are since our
        last call.
        """
        known, last, total = self.cpu
        if whose == known:
            total += max(0.0, used - last)
        elif is_new or not known:
            total += used
        self.cpu = [whose, used, total]


def _cause(line: Line) -> str:
    if line.event in ("hung", "limit"):
        return line.event
    if line.cause.startswith("signal "):
        return "oom" if "(oom" in line.cause else "signal"
    return "exit" if line.cause.startswith("exit ") else "unknown"


class Tally:
    """All counters of one state directory.

    at: boot seconds of the last pass, if that was in this boot, else 0.  alerts: hook -> [sent, refused]; seen: ids of
    the messages counted.  faults: the places of faults of ours that have been reported.  durations: restarts by the
    bounds of their outage, and more; took: their seconds.
    """

    def __init__(self, state_dir: str) -> None:
        self.state_dir = state_dir
        self.remark = ""  # for a person, if it could not be read
        self.lost = ""  # the same, if a file of the history is damaged, or a newer suite has written it
        kept = self._read()
        self._place = Place(kept.get("place", {}))
        self._history_boot: str = kept.get("history_boot", "")  # of the lines that were read last
        self._last_line: float = kept.get("last_line", 0.0)
        self.counts: dict[Key, Count] = {}
        self._courses = Courses()
        self.courses = self._courses.of
        for name, directory, count, course in kept.get("servers", []):
            self.counts[name, directory] = Count(count)
            self.courses[name, directory] = Course.again(course)
        self.durations: list[int] = kept.get("durations", [0] * (len(BOUNDS) + 1))
        self.took: float = kept.get("took", 0.0)
        self.alerts: dict[str, list[int]] = kept.get("alerts", {})
        self.seen: list[str] = kept.get("seen", [])
        self.faults: list[str] = kept.get("faults", [])[-MOST_FAULTS:]
        self._boot, self._zero = record.boot_id()[: history.BOOT_LETTERS], time.time() - boot_seconds()
        self.at: float = kept.get("at", 0.0) if kept.get("boot") == self._boot else 0.0
        self._follow_clock(kept)

    def _read(self) -> dict[str, Any]:
        path = f"{self.state_dir}/{NAME}"
        try:
            with open(path, encoding="utf-8") as source:
                kept = json.load(source)
            if kept["version"] == VERSION:
                return dict(kept)
        except FileNotFoundError:
            return {}
        except PermissionError:
            self.remark = f"{path}: not yours to read; counted from the whole history"
            return {}
        except (OSError, ValueError, TypeError, KeyError):
            pass
        self.remark = f"{path}: torn, or of another version; set aside, and counted again from the history"
        return {}

    def _follow_clock(self, kept: dict[str, Any]) -> None:
        """If the clock was set, what began before has begun so much earlier or later."""
        moved = self._zero - kept.get("zero", self._zero)
        if self.at and abs(moved) > MOST_APART:
            for course in self.courses.values():
                course.move(moved)

    # -- the history -----------------------------------------------------------------------------

    def catch_up(self, saved_every: int = SAVED_EVERY) -> None:
        """Count what the history has got since the last pass.  Raises OSError."""
        for number, raw in enumerate(self._place.lines(self.state_dir), 1):
            for line in parsed([raw]):
                self._take(line)
            if number % saved_every == 0:
                self._save_if_possible()
        self.lost = self._place.remark or self.lost
        self._settle()

    def _save_if_possible(self) -> None:
        try:
            self.save()
        except OSError:
            pass  # a full disk, or not ours: the last save will report it

    def _take(self, line: Line) -> None:
        if line.event == "watching":
            text = newer(line, self.state_dir)
            self.lost = f"{text}; its events are counted as this one knows them" if text else self.lost
            self._history_boot = str(line.more.get("monitor", "")).partition("-")[2]
        if line.boot is not None and self._history_boot == self._boot:
            since_boot = self._zero + line.boot  # to the second; more of a difference is a clock that was set
            if abs(line.seconds - since_boot) > MOST_APART:
                line.seconds = since_boot
        self._last_line = max(self._last_line, line.seconds)
        self._courses.take(line)
        if line.server[0]:
            took = self.of(line.server).take(line)
            if took is not None:
                self.durations[sum(took > bound for bound in BOUNDS)] += 1
                self.took += took

    def of(self, server: Key) -> Count:
        """The counters of one server; zeros if the history does not know it."""
        if server not in self.counts:
            self.counts[server] = Count({})
        return self.counts[server]

    def _settle(self) -> None:
        """Add what is over to `down`, and forget it."""
        for server, course in self.courses.items():
            ended = sum(last - first for first, last, condition in course.spans if condition == DOWN)
            if ended:
                self.of(server).down += ended
            course.spans.clear()

    def down(self, server: Key, now: float, living: dict[str, float]) -> float | None:
        """Seconds that it has been down while a monitor watched it; None: the history does not know it.

        living: until when each monitor watches or was seen; of one that is not there only its last line is known.
        """
        course = self.courses.get(server)
        if course is None:
            return None
        count = self.of(server)
        now_down = count.down
        if course.down_since is not None:
            until = max((living.get(name, self._last_line) for name in course.watchers), default=0.0)
            now_down += max(0.0, min(now, until) - course.down_since)
        count.shown = max(count.shown, now_down)
        return count.shown

    # -- on disk ---------------------------------------------------------------------------------

    def save(self) -> None:
        """Write it down; a file that could not be read is set aside.  Raises OSError."""
        self._settle()
        path = f"{self.state_dir}/{NAME}"
        if self.remark:
            os.replace(path, f"{self.state_dir}/{ASIDE}")
            self.remark = ""
        servers = [
            [*server, self.of(server).kept(), self.courses.get(server, Course()).kept()]
            for server in {**self.counts, **self.courses}
        ]
        kept = {
            "version": VERSION,
            "place": self._place.kept(),
            "history_boot": self._history_boot,
            "last_line": self._last_line,
            "servers": servers,
            "durations": self.durations,
            "took": self.took,
            "alerts": self.alerts,
            "seen": self.seen,
            "faults": self.faults,
            "boot": self._boot,
            "zero": self._zero,
            "at": boot_seconds(),
        }
        files.replace(path, json.dumps(kept, separators=(",", ":")), record.READABLE)


@contextmanager
def locked(state_dir: str) -> Iterator[bool]:
    """Be the only one that counts; wait for the other.  False: it is not ours to write, so do not save."""
    try:
        fd = os.open(
            f"{state_dir}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600
        )
    except OSError:
        yield False
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield True
    finally:
        os.close(fd)
