#!/usr/bin/env python3
"""Look once at the heartbeat table: clear the slots of dead processes, end hung ones.  procctl or cron repeats it.

    $ pyhelpers/checkproc.py /var/log/checkproc.log
    $ cat /var/log/checkproc.log
    2026-11-20 08:01:27 - msg_server, pid=812: no beat for 31s (timeout 30s), gets TERM
    2026-11-20 08:01:32 - msg_server, pid=812: ended after 5.1s, by KILL; its slot is cleared
    2026-11-20 08:01:32 - feeder, pid=790: has ended; its slot is cleared

A process is hung if the atime of its slot has not changed for its timeout plus one second, on the monotonic clock.
LOGFILE.seen holds what earlier passes saw, so the first pass ends no process.  Before it sends a signal, the pass waits
one second and checks the slot again.  A hung process gets TERM and, after 5 s, KILL, through its pidfd and checked by
its start time; all hung processes are ended in parallel.  A timeout of 0 or less means no timeout.

The pass ends only a proved client: one that it has seen beat, or that has the table attached.  If root reads a table
that others may write, only the attachment counts.  It never ends itself or pid 1.

Exit: 0 the pass is done (also if there is no table) · 1 the table, the log or LOGFILE.seen cannot be used, or a process
could not be ended · 2 usage · 5 sysv_ipc is not installed.  It replaces the original checkproc, which used time(2).
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import sys
import time

from health import shm_table as tables
from health import tableoptions
from health.change_detector import RESOLUTION, Pulse
from health.checkproc_state import Alien, Seen
from loop.loop import Loop
from loop.terminate import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from health.checkproc_state import Entry
    from health.shm_table import Slot, Table

STEPS = ("TERM", "5000", "KILL")
CONFIRM = 1.0  # seconds: after a suspend of the machine, a healthy client beats within this time
PAUSED = 3.0  # seconds: if that second took so long, we did not run, and the clients perhaps neither


class Log:
    """The log: one line an event.  A full disk does not prevent the end of a hung process."""

    def __init__(self, path: str) -> None:
        self.failed = False
        self._fd = -1
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                raise OSError(0, "not a plain file")
            self._fd = fd
        except OSError as error:
            self._fail(f"{path}: {error.strerror}; the log goes here")

    def is_free(self) -> bool:
        """Lock the log for this pass; False if another pass is at work."""
        try:
            if self._fd >= 0:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _fail(self, text: str) -> None:
        self.failed = True
        print(f"checkproc.py: {text}", file=sys.stderr)

    def __call__(self, text: str) -> None:
        """Append a line."""
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} - {text}\n"
        try:
            if self._fd >= 0:
                os.write(self._fd, line.encode("utf-8", "replace"))
                return
        except OSError as error:
            self._fail(f"log: {error.strerror}")
        sys.stderr.write(line)


class Pass:
    """One pass over the table.  It logs what it does."""

    def __init__(self, table: Table, seen: Seen, log: Log) -> None:
        self._table = table
        self._seen = seen
        self._log = log
        self._clearable: list[tuple[Entry, Slot, str]] = []
        self.failed = False

    def look(self) -> list[tuple[Entry, Slot]]:
        """Read the table; return the hung processes.  Raises TableError."""
        earlier, self._seen.pulses = self._seen.pulses, {}
        hung, now = [], time.monotonic()
        for index, slot in self._table.used():
            ticks = tables.living(slot.pid)
            entry = (index, slot.pid, ticks)
            if not ticks or slot.pid == os.getpid():  # a dead process, or an earlier one with our pid
                self._clearable.append((entry, slot, "has ended"))
                self._seen.pulses[entry] = earlier.get(entry) or Pulse(slot.atime, now)
                continue
            pulse = earlier.get(entry)
            if pulse is None:
                if self._is_reused(earlier, entry, slot):
                    continue
                pulse = Pulse(slot.atime, now)
            elif pulse.see(slot.atime, now):
                self._seen.said.discard(entry)
            self._seen.pulses[entry] = pulse
            if slot.timeout > 0 and pulse.silent(now) >= slot.timeout + RESOLUTION:
                hung.append((entry, slot))
        self._seen.said &= set(self._seen.pulses)
        ended = {entry for entry, _, _ in self._clearable}
        beating = {pid for _, pid, _ in set(self._seen.pulses) - ended - {entry for entry, _ in hung}}
        # A process that has several slots by mistake is hung only if it is hung in all of them.
        once = {entry[1]: (entry, slot) for entry, slot in hung if entry[1] not in beating}
        return [(entry, slot) for entry, slot in once.values() if self._may_end(entry, slot)]

    def _is_reused(self, earlier: dict[Entry, Pulse], entry: Entry, slot: Slot) -> bool:
        """Does the slot belong to an earlier process with this pid?  Not if its atime is new."""
        index, pid, ticks = entry
        for old in earlier:
            if old[:2] == (index, pid) and 0 < old[2] < ticks and earlier[old].mark == slot.atime:
                if tables.attached(pid, self._table.id):
                    return False
                self._clearable.append((entry, slot, "is another process by now"))
                return True
        return False

    def _may_end(self, entry: Entry, slot: Slot) -> bool:
        """Is it a proved client?  If not, log that once."""
        is_open_to_others = os.geteuid() == 0 and self._table.mode & 0o022
        if slot.pid == 1:
            why = "is pid 1"
        elif tables.attached(slot.pid, self._table.id) or (self._seen.pulses[entry].beaten and not is_open_to_others):
            return True
        else:
            why = "has not attached the table" + ("" if is_open_to_others else ", and was not seen to beat")
        if entry not in self._seen.said:
            self._seen.said.add(entry)
            self._log(f"{_name(slot)}: no beat, but it {why}; left alone")
        return False

    # -- the hung --------------------------------------------------------------------------------

    def confirm(self, hung: list[tuple[Entry, Slot]]) -> list[tuple[Entry, Slot]]:
        """Return those that are still hung one second later; if we were paused in that second, wait another one."""
        while hung:
            before = time.monotonic()
            select.select([], [], [], CONFIRM)  # time.sleep() fails under libfaketime
            took = time.monotonic() - before
            hung = [(entry, slot) for entry, slot in hung if self._is_mute(entry, slot)]
            if took < PAUSED:
                break
        return hung

    def _is_mute(self, entry: Entry, before: Slot) -> bool:
        index, pid, ticks = entry
        slot = self._table.slot(index)
        if slot.pid != pid or tables.living(pid) != ticks:
            return False
        return not self._seen.pulses[entry].see(slot.atime, time.monotonic()) and slot.timeout == before.timeout

    def end(self, hung: list[tuple[Entry, Slot]]) -> None:
        """End them in parallel."""
        loop = Loop()
        left = [len(hung)]
        for entry, slot in hung:
            self._end(loop, entry, slot, left)
        if hung:
            loop.run()

    def _end(self, loop: Loop, entry: Entry, slot: Slot, left: list[int]) -> None:
        _, pid, ticks = entry
        began = time.monotonic()
        silent = self._seen.pulses[entry].silent(began)
        self._log(f"{_name(slot)}: no beat for {silent:.0f}s (timeout {slot.timeout}s), gets {STEPS[0]}")

        def done(stuck: list[int]) -> None:
            took = time.monotonic() - began
            if stuck:
                self.failed = True
                self._log(f"{_name(slot)}: could not be ended: stuck in the kernel, or not ours to signal")
            else:
                by = STEPS[0] if took * 1000 < int(STEPS[1]) else STEPS[2]
                self._clearable.append((entry, slot, f"ended after {took:.1f}s, by {by}"))
                self._seen.pulses.pop(entry, None)
            left[0] -= 1
            loop.ended = not left[0]

        Ending(loop, [(pid, ticks)], STEPS, done)

    # -- the dead --------------------------------------------------------------------------------

    def clear(self) -> None:
        """Clear the slots of dead processes.  If we cannot get the semaphore, the next pass clears them."""
        trouble = ""
        for entry, slot, what in self._clearable:
            index, pid, ticks = entry
            wait = 0 if trouble else tables.LOCK_SECONDS
            is_other = bool(ticks)

            def still(now: Slot, pid: int = pid, atime: int = slot.atime, is_other: bool = is_other) -> bool:
                gone = not tables.living(pid) or pid == os.getpid()
                return now.pid == pid and (gone or (is_other and now.atime == atime))

            try:
                cleared = self._table.clear(index, still, wait)
            except tables.TableError as error:
                trouble, self.failed = str(error), True
                if entry not in self._seen.said:
                    self._seen.said.add(entry)
                    self._log(f"{_name(slot)}: {what}; its slot is not cleared: {trouble}")
            else:
                self._seen.pulses.pop(entry, None)
                self._log(f"{_name(slot)}: {what}; its slot is cleared" if cleared else f"{_name(slot)}: {what}")


def _name(slot: Slot) -> str:
    return f"{slot.name or '?'}, pid={slot.pid}"


def one_pass(table: Table, seen: Seen, log: Log) -> int:
    """Run the complete pass; return the exit status."""
    try:
        table = _open(table)
        this = Pass(table, seen, log)
        hung = this.look()
    except tables.TableError as error:
        is_none = isinstance(error, tables.NoTable)
        if str(error) != seen.trouble:
            log(str(error))
        seen.trouble = str(error)
        seen.pulses, seen.said = {}, set()
        return 0 if is_none else error.status
    seen.trouble = ""
    this.end(this.confirm(hung))
    this.clear()
    table.close()
    return 1 if this.failed else 0


def _open(table: Table) -> Table:
    """Open the table for writing, else only for reading; then the slots of dead processes stay."""
    try:
        return table.open(write=True)
    except tables.NoTable:
        raise
    except tables.TableError:
        return table.open()


def _options(argv: Sequence[str]) -> argparse.Namespace:
    import argparse

    words = (__doc__ or "").split("\n\n")
    parser = argparse.ArgumentParser(
        prog="checkproc.py",
        description=words[0],
        epilog="\n\n".join(words[2:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    tableoptions.add(parser)
    parser.add_argument("logfile", metavar="LOGFILE", help="gets a line for each event; LOGFILE.seen is beside it")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    options = _options(argv)
    table = tableoptions.chosen(options)
    path = os.path.abspath(options.logfile)
    try:
        tables.library()
    except tables.TableError as error:
        print(f"checkproc.py: {error}", file=sys.stderr)
        return error.status
    log = Log(path)
    if not log.is_free():
        print(f"checkproc.py: {path}: another pass is at work", file=sys.stderr)
        return 0
    seen = Seen(f"{path}.seen", f"0x{options.key:x} {options.layout} {options.slots}")
    try:
        seen.read()
    except Alien as alien:
        log(str(alien))
    return _finish(one_pass(table, seen, log), seen, log)


def _finish(status: int, seen: Seen, log: Log) -> int:
    try:
        seen.write()
    except OSError as error:
        print(f"checkproc.py: cannot save what was seen, so the next pass ends no process: {error}", file=sys.stderr)
        return status or 1
    return status or (1 if log.failed else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
