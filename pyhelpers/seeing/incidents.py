"""Incidents out of the lines of the history: what belongs together, when, why, how long down, what was done.

An incident begins with a death, or with a start that failed, and the lines that share its id are its events.  An
ordered stop, and the time that a killed monitor did not watch, are shown beside incidents; any other line is an entry
of its own, for those who ask for its event.
"""

from __future__ import annotations

from seeing.course import ENDS, LEAVES, LIVING, RUNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from seeing.lines import Line

EXTRAS = ("output", "core", "backtrace")  # events that only add a member of that name
SHOWN = {*ENDS, "start_failed", "give_up", "stopped", "ended", *LEAVES}
# What was done, as people read it, of the words that the shell decides with (lib/restart.sh).
DONE = {
    "now": "to be restarted",
    "later": "to be restarted later",
    "rival": "left to its parent",
    "leave": "left alone",
    "fatal": "gave up",
}


class Entry:
    """One incident, or one line.

    seconds: its begin, Unix time; server: (name, dir); what, why: of its first line; events: those it has;
    done: what was done last; down: seconds, None: it was not down, or that is not known; is_open: it still is down.
    extras: members by name, as output.
    """

    __slots__ = "by done down events extras incident is_open monitor new_pid pid seconds server what why".split()

    def __init__(self, line: Line) -> None:
        self.seconds, self.server, self.incident = line.seconds, line.server, line.incident
        self.what, self.pid, self.new_pid = line.event, line.pid, None
        self.why = ", ".join(filter(None, (line.cause, line.detail)))
        self.by = line.more.get("by")
        self.monitor = str(line.more.get("monitor", ""))
        self.done = DONE.get(line.action, line.action)
        self.events = [line.event]
        self.extras: dict[str, str] = {}
        self.down: float | None = None
        self.is_open = self._is_down(line)

    def _is_down(self, line: Line) -> bool:
        """Does this line say that its server is down, and to be up again?"""
        if line.event in ENDS:
            return line.action not in (*LIVING, "leave")
        return line.event in ("start_failed", "give_up", "ended") or (line.event, line.action) == ("stopped", "restart")

    def add(self, line: Line) -> None:
        """A later line of the same incident."""
        self.events.append(line.event)
        if line.event in EXTRAS:
            self.extras[line.event] = str(line.more.get(line.event, ""))
            return
        self.done = DONE.get(line.action, line.action)
        if line.event in RUNS:
            self.close(line)

    def close(self, line: Line) -> None:
        """It runs again by this line, or is watched again."""
        self.new_pid = line.pid
        told = line.more.get("down_ms")
        if self.is_open and isinstance(told, (int, float)):
            self.down = told / 1000
        else:
            self.down = max(0.0, line.seconds - self.seconds)
        self.is_open = False


class Incidents:
    """Out of lines that come one by one.  most: of so many incidents it is known which later lines are theirs."""

    def __init__(self, most: int = 1 << 62) -> None:
        self._most = most
        self._known: dict[str, Entry] = {}
        self._open_by: dict[tuple[str, str], Entry] = {}  # the last after which a server, or a monitor, is to come back

    def take(self, line: Line) -> Entry | None:
        """The next line; returns the entry that begins with it, to which later lines may add."""
        entry = begun = None
        if line.incident in self._known:
            entry = self._known[line.incident]
            entry.add(line)
        elif line.event not in EXTRAS:
            entry = begun = Entry(line)
            if line.incident:
                self._known[line.incident] = entry
                self._forget()
        self._come_back(line)
        if entry and (line.event in ("stopped", "ended") or entry.is_open):
            self._open_by[line.server] = entry
        return begun

    def _forget(self) -> None:
        """The oldest one, if there are too many."""
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]

    def _come_back(self, line: Line) -> None:
        """What ended before is back by this line, although it does not tell the incident."""
        if line.event in RUNS or line.event == "watching":
            entry = self._open_by.pop(line.server, None)
            if entry and entry.down is None:
                entry.close(line)


def entries(lines: Iterable[Line]) -> list[Entry]:
    """All of them, in the order of their begin."""
    incidents = Incidents()
    return [entry for entry in map(incidents.take, lines) if entry]
