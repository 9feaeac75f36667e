"""Look at the servers again and again, and read again only what has changed.

A whole look at a server (operate/look.py) reads its record, asks for its monitor, and weighs the evidence.  Most times
nothing of that has changed, and three cheap questions prove it: stat(2) of the record, which only grows, and of its
directory, in which all else is replaced by rename; and /proc/PID/stat, which also has the CPU time and the memory.  A
monitor that ends takes the lock of each of its servers along, so each monitor is asked whether it lives.

Nothing tells us of what is not in these files, such as a process that someone starts by hand beside all of it.  So
each server gets a whole look every ALL_AGAIN seconds in any case.  1000 servers: 20 ms a look.
"""

from __future__ import annotations

import os
import time
from contextlib import redirect_stderr
from io import StringIO

from base.clock import TICKS_PER_SECOND, boot_seconds
from base.exits import Refused
from config.settle import ConfError
from operate.context import Place
from operate.look import Look
from operate.usage import Usage
from proc import identity
from state.lock import UNREADABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.table import Row
    from proc.server import Server

    Stamp = tuple[int, ...]

ALL_AGAIN = 15.0  # seconds, as the default of `interval`
CONF_EVERY = 2.0  # seconds between two looks at the times of the files of conf
TICK_NS = 100_000_000  # two changes within the kernel's clock tick may leave the same st_mtime, see operate/folder.py
UNCERTAIN: Stamp = (-1,)


class RecurringLook:
    """Of the servers that patterns mean in that place: ROOT, CONF_DIR, STATE_DIR, CWD.

    place: as it was when conf was read last.  remarks: for a person, such as the faults of conf.
    """

    place: Place

    def __init__(self, words: list[str], patterns: list[str]) -> None:
        self.remarks: list[str] = []
        self._words, self._patterns = words, patterns
        self._conf: dict[str, Stamp] = {}
        self._conf_due = 0.0
        self._known: list[_Known] = []
        self._usage = Usage()

    def rows(self) -> list[Row]:
        """The rows of operate/look.py; and `server`, the Server.  A row is the same dict as long as it is that server.

        CPU counts since the last call, in the first one since the start of a process.
        Raises ConfError, Refused in the first call; later ones keep the servers of before, and remark it.
        """
        now = time.monotonic()
        if now >= self._conf_due:
            self._conf_due = now + CONF_EVERY
            self._follow_conf()
        living = self._living_monitors()
        self._usage = Usage(self._usage)
        due = [each for each in self._known if each.is_due(now, living) or not each.measure(self._usage)]
        if due:
            self._look(due, now)
        return [each.row for each in self._known]

    def _look(self, due: list[_Known], now: float) -> None:
        for each in due:
            each.note_times()  # before we read, or we might miss what changes meanwhile
        look = Look([each.server for each in due], self.place.state_dir, True, [each.server for each in self._known])
        look.is_guest = self.place.is_guest
        for number, each in enumerate(due):
            each.take(look, now + ALL_AGAIN, ALL_AGAIN * number / len(due))
            each.measure(self._usage)

    def _living_monitors(self) -> dict[str, int]:
        """Start ticks of each monitor that lives, by its pid as text."""
        pids = {each.monitor for each in self._known} - {"", UNREADABLE}
        found = {pid: identity.look(int(pid)) for pid in pids}
        return {pid: process.ticks for pid, process in found.items() if process}

    # -- conf ------------------------------------------------------------------------------------

    def _follow_conf(self) -> None:
        """Read conf if one of its files has changed, or if a monitor has begun or ended."""
        stamp = _stamp_of(self.place) if self._conf else {}
        if self._conf and stamp == self._conf:
            return
        try:
            with redirect_stderr(StringIO()) as said:
                place = Place(*self._words)
                stamp = _stamp_of(place)
                servers = place.servers(self._patterns, partly=True)
        except (ConfError, Refused) as error:
            if not self._conf:
                raise
            self.remarks = str(error).splitlines()
        else:
            self.place, self.remarks = place, said.getvalue().splitlines()
            self._known = self._taken_over(servers)
        self._conf = stamp

    def _taken_over(self, servers: list[Server]) -> list[_Known]:
        """All get a whole look now; those that we know keep their row."""
        rows = {each.server.kept_in: each.row for each in self._known}
        return [_Known(each, self.place.record_of(each), rows.get(each.kept_in, {})) for each in servers]


def _stamp_of(place: Place) -> dict[str, Stamp]:
    """The times of all that says which servers there are."""
    paths = [f"{place.conf_dir}/monitor.conf", f"{place.state_dir}/servers", f"{place.state_dir}/monitors"]
    try:
        with os.scandir(f"{place.conf_dir}/servers") as files:
            paths += [file.path for file in files]
    except OSError:
        pass  # there is none
    return {path: _times(path) for path in paths}


class _Known:
    """A server, and what we have seen of it.

    monitor: pid of the monitor that watches it, as lock.watcher_of(); row: as operate/look.py makes it.
    """

    __slots__ = "_directory _due _is_halted _monitor_ticks _pid _stamp _ticks monitor row server".split()

    def __init__(self, server: Server, directory: str, row: Row) -> None:
        self.server = server
        self.row = row
        self.monitor = ""
        self._directory = directory
        self._stamp = UNCERTAIN
        self._monitor_ticks = self._pid = self._ticks = 0
        self._is_halted = False
        self._due = 0.0

    def is_due(self, now: float, living: dict[str, int]) -> bool:
        """May a whole look show anything else?  now: monotonic seconds; living: start ticks of living monitors."""
        if now >= self._due or self._stamp == UNCERTAIN or self._stamp != self._times():
            return True
        return self.monitor != "" and living.get(self.monitor) != self._monitor_ticks

    def take(self, look: Look, due: float, later: float) -> None:
        """What a whole look shows.  due: when another one is due in any case, in monotonic seconds.

        later: so much later, if it lives: then they are not all due at once.  Those that do not live are to be searched
        for in the process table, which is read once for all of them.
        """
        self.row.update(look.of(self.server), server=self.server)
        self.monitor = look.watchers[self.server.kept_in]
        self._monitor_ticks = identity.ticks_of(int(self.monitor)) if self.monitor else 0
        living = look.living[self.server.kept_in]
        self._pid, self._ticks = (living[0].pid, living[0].ticks) if living else (0, 0)
        self._is_halted = living is not None and living[0].state in "Tt"
        self._due = due + later * (living is not None)

    def note_times(self) -> None:
        """Remember the times of its files."""
        self._stamp = self._times()

    def _times(self) -> Stamp:
        there = _times(self._directory)
        if there and time.time_ns() - there[0] < TICK_NS:
            return UNCERTAIN
        return there + _times(f"{self._directory}/record")

    def measure(self, usage: Usage) -> bool:
        """Note what its process uses now.  False: it has ended, or was stopped or continued by a signal."""
        if not self._pid:
            return True
        fields = identity.stat_fields(self._pid)
        if not fields or int(fields[19]) != self._ticks or fields[0] in "ZX":
            self._due = 0.0
            return False
        self.row["uptime"] = boot_seconds() - self._ticks / TICKS_PER_SECOND
        self.row.update(usage.by(self._pid, fields))
        return (fields[0] in "Tt") == self._is_halted


def _times(path: str) -> Stamp:
    """What tells whether a file is still the same; () if it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_ino, status.st_size
