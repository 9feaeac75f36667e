"""What checkproc saw in its last pass: a small file beside its log.

    checkproc 1 BOOT/CLOCKS TABLE       which boot and time namespace, which table
    trouble TEXT                        why the table could not be used, if so
    INDEX PID TICKS ATIME SINCE FLAGS   a line for each slot; SINCE: monotonic seconds; FLAGS: b beaten, s reported
    end COUNT

The file decides which processes end, so we trust it only if it is complete, belongs to us, and is of this boot.
"""

from __future__ import annotations

import os
import stat
import time

from base import files
from health.change_detector import Pulse
from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    Entry = tuple[int, int, int]  # slot, pid, start ticks

_MOST = 1 << 22


class Alien(Exception):
    """We must not trust the file; the text says why."""


class Seen:
    """pulses: the pulse of each entry, as of the last pass.  said: entries with a report that is still valid."""

    def __init__(self, path: str, table: str) -> None:
        self._path = path
        self._head = f"checkproc 1 {record.boot_id()}/{_time_namespace()} {table}"
        self.pulses: dict[Entry, Pulse] = {}
        self.said: set[Entry] = set()
        self.trouble = ""

    def read(self) -> None:
        """Read the state of the last pass, if there was one in this boot.  Raises Alien: the file is set aside."""
        try:
            text = self._text()
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError, Alien) as error:
            raise Alien(self._put_aside(getattr(error, "strerror", None) or "not ours")) from None
        lines = text.split("\n")
        if not text.startswith("checkproc 1 ") or lines[-2:] != [f"end {len(lines) - 3}", ""]:
            raise Alien(self._put_aside("torn, or no file of checkproc"))
        if lines[0] != self._head:
            return  # from another boot, or for another table
        try:
            self._parse(lines[1:-2])
        except ValueError:
            self.pulses, self.said, self.trouble = {}, set(), ""
            raise Alien(self._put_aside("torn, or no file of checkproc")) from None

    def _text(self) -> str:
        fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise Alien
            return file.read(_MOST).decode()

    def _parse(self, lines: list[str]) -> None:
        now = time.monotonic()
        for line in lines:
            if line.startswith("trouble "):
                self.trouble = line.partition(" ")[2]
                continue
            index, pid, ticks, atime, since, flags = line.split(" ")
            if not 0 <= float(since) <= now:
                raise ValueError
            entry = (int(index), int(pid), int(ticks))
            pulse = self.pulses[entry] = Pulse(int(atime), float(since))
            pulse.beaten = "b" in flags
            if "s" in flags:
                self.said.add(entry)

    def _put_aside(self, why: str) -> str:
        try:
            os.replace(self._path, f"{self._path}.bad")
        except OSError as error:
            return f"{self._path}: {why}; not believed, and cannot be put aside: {error.strerror}"
        return f"{self._path}: {why}; not believed, put aside as {self._path}.bad"

    def write(self) -> None:
        """Keep it for the next pass.  Raises OSError."""
        lines = [f"trouble {self.trouble}"] if self.trouble else []
        for (index, pid, ticks), pulse in self.pulses.items():
            flags = "b" * pulse.beaten + "s" * ((index, pid, ticks) in self.said) or "-"
            lines.append(f"{index} {pid} {ticks} {pulse.mark} {pulse.since:.3f} {flags}")
        files.replace(self._path, "\n".join([self._head, *lines, f"end {len(lines)}", ""]))


def _time_namespace() -> str:
    """The offsets of the time namespace: they shift the monotonic clock and start ticks.  Its number may be reused."""
    try:
        with open("/proc/self/timens_offsets") as offsets:
            return "/".join(offsets.read().split())
    except OSError:
        return "-"  # Linux before 5.6
