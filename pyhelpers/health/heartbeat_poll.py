"""heartbeat = shm and heartbeat = file: does what a server's beat leaves behind still change?

One look serves all servers of a monitor, four times in the shortest timeout: it reads all pids of the table in one go,
the slots of our servers, and the mtimes of their files.  A hundred servers take a fraction of a millisecond a second.
Nothing here blocks: if the table's semaphore is taken, the next look asks again, and a child reads what may block
(/proc/PID/maps).

We do not judge a server before it has a slot in the table: it may be about to take one.  An earlier process with the
same pid may have left the slot; so we judge the server by it only after we have seen it beat, or if the server has the
table attached.  If we are root and others may write to the table, only the attached table counts: see
Table.may_be_forged().
"""

from __future__ import annotations

import os
import time

from base import places
from base.places import NoAnswer
from config import settled
from health.change_detector import RESOLUTION, Pulse
from health.shm_table import Busy, NoTable, Table, TableError, attached
from health.vitals import Vital
from loop import awake_clock
from proc import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.ids import Ids
    from health.shm_table import Slot
    from loop.hand import Hand
    from loop.host import Followed, Host
    from loop.loop import Timer

FILE_TIMEOUT_MS = 30_000
LONGEST_PERIOD, SHORTEST_PERIOD = 2.0, 0.1  # s, between two looks
SHM_PERIOD = 1.0  # where only the slot knows the timeout, which is whole seconds
ODD_STATES = {
    "T": "stopped by a signal (state T)",
    "t": "stopped by a tracer (state t)",
    "D": "waiting in the kernel (state D)",
}


class Looks:
    """The one look for all beats of a monitor; clock: time without our own pauses."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.clock = awake_clock.of(host)
        self.beats: list[Beat] = []
        self.tables: dict[str, SharedTable] = {}
        self._timer: Timer | None = None

    def table(self, asked: dict[str, str]) -> SharedTable:
        """The table with these settings; servers with the same settings share it."""
        key, layout, slots = (asked[f"heartbeat_{word}"] for word in ("key", "layout", "slots"))
        name = f"{key} {layout} {slots}"
        if name not in self.tables:
            table = Table(int(key), layout, int(slots), asked.get("heartbeat_home", ""))
            self.tables[name] = SharedTable(table, self.host)
        return self.tables[name]

    def join(self, beat: Beat) -> None:
        """Include this beat in the look."""
        if beat not in self.beats:
            self.beats.append(beat)
            self.clock.for_times_of(beat.period * 4)
        self.later()

    def leave(self, beat: Beat) -> None:
        """Exclude this beat from the look."""
        if beat in self.beats:
            self.beats.remove(beat)

    def later(self) -> None:
        """Schedule a look, unless one is due already."""
        if self._timer:
            return
        period = min([beat.period for beat in self.beats], default=SHM_PERIOD)
        self._timer = self.host.loop.after(period * 1000, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self.clock.now()
        tables = list(self.tables.values())
        for table in tables:
            table.look()
        for beat in list(self.beats):
            beat.look(now)
        for table in tables:
            table.clear_stale()
            table.table.close()
        if self.beats or any(table.stale for table in tables):
            self.later()


class SharedTable:
    """The table during one look, and the slots that dead processes left in it.

    at: indexes of the slots of each pid, in this look.  stale: pid -> start ticks of the server that had the slot; 0
    for an earlier process.
    """

    def __init__(self, table: Table, host: Host) -> None:
        self.table = table
        self._host = host
        self.at: dict[int, list[int]] = {}
        self.trouble = ""
        self.stale: dict[int, int] = {}

    def look(self) -> None:
        """Attach the table and see which pids have a slot; trouble: why that failed."""
        self.at = {}
        try:
            pids = self.table.open().pids()
        except TableError as error:
            self.trouble = "" if isinstance(error, NoTable) else str(error)
            return
        self.trouble = ""
        for index, pid in enumerate(pids):
            if pid:
                self.at.setdefault(pid, []).append(index)

    def clear_stale(self) -> None:
        """Free the slots of servers that have ended; if the semaphore is taken, the next look tries again."""
        for pid, ticks in list(self.stale.items()):
            if self.trouble or _lives(pid, ticks):
                continue
            if all(self._clear(index, pid, ticks) for index in self.at.get(pid, [])):
                del self.stale[pid]

    def _clear(self, index: int, pid: int, ticks: int) -> bool:
        """Clear the slot; False: the semaphore is taken, try again later."""
        was = self.table.slot(index).atime
        try:
            self.table.open(write=True)
            self.table.clear(index, lambda slot: slot.pid == pid and slot.atime == was and not _lives(pid, ticks), 0)
        except Busy:
            return False
        except TableError as error:
            self._host.say(None, f"the slot of pid {pid}, which has ended, is not cleared: {error}")
        return True


def _lives(pid: int, ticks: int) -> bool:
    fields = identity.stat_fields(pid)
    return fields is not None and int(fields[19]) == ticks and fields[0] not in "ZX"


class Beat(Vital):
    """The common part of both kinds.  period: of the look, in seconds."""

    period = LONGEST_PERIOD

    def __init__(self, life: Followed) -> None:
        super().__init__(life)
        shared = self.home.shared
        looks = shared.get("beats")
        if not isinstance(looks, Looks):
            looks = shared["beats"] = Looks(self.home)
        self.looks = looks
        self.timeout = int(life.server.vital["heartbeat_timeout"] or 0) / 1000
        self.pulse: Pulse | None = None
        self.is_told = False

    def serving(self) -> None:
        """From now on judge it."""
        self.is_told = self.life.health.is_reported("hung")
        self.looks.join(self)

    def end(self) -> None:
        """Stop judging it."""
        self.looks.leave(self)
        self.pulse = None
        self.is_told = False

    def look(self, now: float) -> None:
        """Judge it."""

    def figures(self) -> tuple[tuple[str, float], ...]:
        """When we saw it beat last."""
        if not self.pulse or not self.pulse.beaten:
            return ()
        return (("last_beat_timestamp_seconds", time.time() - self.pulse.silent(self.looks.clock.now())),)

    def tell(self, silent: float) -> None:
        """It is hung: report that, once."""
        if self.is_told:
            return
        self.is_told = True
        fields = identity.stat_fields(self.life.server.pid)
        odd = ODD_STATES.get(fields[0], "") if fields else ""
        self.life.health.hung(f"no beat for {silent:.0f}s" + (f", {odd}" if odd else ""))

    def well(self) -> None:
        """It beats again."""
        if self.is_told:
            self.is_told = False
            self.life.health.cleared("hung", "it beats again")


class FileBeat(Beat):
    """heartbeat = file PATH: to touch, write or replace the file is a beat."""

    def __init__(self, life: Followed) -> None:
        super().__init__(life)
        self.path = settled.elements(life.server.vital["heartbeat"])[1]
        self.timeout = self.timeout or FILE_TIMEOUT_MS / 1000
        self.period = max(SHORTEST_PERIOD, min(LONGEST_PERIOD, self.timeout / 4))
        self._hand: Hand | None = None
        self._is_silent = False

    def serving(self) -> None:
        """From now on judge it; while the file is missing, wait for it as for a beat."""
        try:
            mark = _mark(self.path, self.life.server.ids)
        except NoAnswer:
            mark = (0, 0)
        self.pulse = Pulse(mark, self.looks.clock.now())
        super().serving()

    def look(self, now: float) -> None:
        """Judge it."""
        try:
            self._see(_mark(self.path, self.life.server.ids), now)
        except NoAnswer:
            self._ask()

    def _see(self, mark: tuple[int, int], now: float) -> None:
        if not self.pulse:
            return
        if mark != (0, 0) and self.pulse.see(mark, now):  # to remove the file is no beat
            self.well()
        elif self.pulse.silent(now) >= self.timeout:
            self.tell(self.pulse.silent(now))

    def _ask(self) -> None:
        """The file system may not answer: let a hand look, and do not judge the server before its answer."""
        from loop.hand import Hand

        if self._hand and self._hand.is_there:
            return
        path, ids, pulse = self.path, self.life.server.ids, self.pulse

        def brought(text: str) -> None:
            if self.pulse is not pulse or not pulse or not text:
                return
            if self._is_silent:
                self._remark("")
                pulse.since = self.looks.clock.now()  # meanwhile we could not see a beat
            mtime, inode = map(int, text.split())
            self._see((mtime, inode), self.looks.clock.now())

        try:
            self._hand = Hand(
                self.loop, lambda: _mark_afar(path), brought, lambda: self._remark(f"{path} does not answer"), ids
            )
        except OSError:
            pass  # the next look tries again

    def _remark(self, text: str) -> None:
        self._is_silent = bool(text)
        self.life.health.remark(self, text)


def _mark(path: str, ids: Ids | None, patient: bool = False) -> tuple[int, int]:
    """The mark of its last beat; (0, 0): there is no file.  We never open it, so a FIFO or a device does no harm.

    Raises NoAnswer.
    """
    try:
        place, name = places.found(path, ids, patient)
        with place:
            status = os.stat(name or ".", dir_fd=place.fd, follow_symlinks=False)
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_ino)


def _mark_afar(path: str) -> str:
    return "{} {}".format(*_mark(path, None, patient=True))


class ShmBeat(Beat):
    """heartbeat = shm: the slot with the server's pid."""

    def __init__(self, life: Followed) -> None:
        super().__init__(life)
        asked = life.server.vital
        self.shared = self.looks.table(asked)
        self.period = max(SHORTEST_PERIOD, min(SHM_PERIOD, self.timeout / 4)) if self.timeout else SHM_PERIOD
        self._since = 0.0
        self._is_client = False
        self._is_asked = False

    def begin(self, fresh: bool) -> None:
        """A new process is followed; we have not yet seen that the slot is its own."""
        self.pulse = None
        self._is_client = self._is_asked = False
        self.shared.stale.pop(self.life.server.pid, None)

    def serving(self) -> None:
        """From now on judge it, as soon as it has a slot."""
        self._since = self.looks.clock.now()
        super().serving()

    def end(self) -> None:
        """Stop judging it; clear its slot as soon as it is dead, in case it does not clear the slot itself."""
        server = self.life.server
        if server.pid:
            self.shared.stale[server.pid] = server.ticks
            self.looks.later()
        super().end()

    def look(self, now: float) -> None:
        """Judge it."""
        pid, table = self.life.server.pid, self.shared.table
        slots = [slot for slot in map(table.slot, self.shared.at.get(pid, [])) if slot.pid == pid]
        if slots:
            self._see(slots, now)
        else:
            self.pulse = None  # its slot was cleared, so there is nothing to judge it by
        self._say_absent(now)

    def _say_absent(self, now: float) -> None:
        """Report a table that cannot be read, and a server without a slot after start_timeout."""
        text = self.shared.trouble
        if not text and not self.pulse and now - self._since > self.life.server.timeout_ms / 1000:
            text = f"has no slot in the heartbeat {self.shared.table}; not judged before it has one"
        self.life.account.say_all("heartbeat", [text] if text else [])

    def _see(self, slots: list[Slot], now: float) -> None:
        """Judge it by its slot; if it has several by mistake, a beat in any of them counts."""
        mark = [slot.atime for slot in slots]
        if not self.pulse:
            self.pulse = Pulse(mark, now)
            return
        if self.pulse.see(mark, now):
            server = self.life.server
            self._is_client = self._is_client or not self.shared.table.may_be_forged(server.owner)
            self.well()
            return
        timeout = self.timeout or max(slot.timeout for slot in slots)
        silent = self.pulse.silent(now)
        if timeout <= 0 or silent < timeout + RESOLUTION:
            return
        if self._is_client:
            self.tell(silent)
        elif not self._is_asked:
            self._ask_if_client()

    def _ask_if_client(self) -> None:
        """We never saw it beat: is the slot its own, or did an earlier process with its pid leave it?"""
        self._is_asked = True
        server, table = self.life.server, self.shared.table.id
        pid, ticks = server.pid, server.ticks

        def learn(text: str) -> None:
            if (server.pid, server.ticks) == (pid, ticks):
                self._is_client = text == "yes"
                if not text:
                    self.shared.stale[pid] = 0

        self.loop.errand(lambda: "yes" if attached(pid, table) else "", learn)
