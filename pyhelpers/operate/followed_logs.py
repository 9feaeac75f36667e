"""Which files hold what a server says, and what is added to them?

Its logs are the files in `dir` that fit `logs`: each of the newest ones is read on, so none of their lines is lost when
a restart moves them into oldlog and the server begins another one, or goes on with the old one there.  Its output is
the log that we keep for it, or its own file of `output`.
"""

from __future__ import annotations

import os
import time

from base import globs
from base.exits import FAILED, NO_PERMISSION, NOT_CONFIGURED, Refused
from operate.cut_log import CutLog
from operate.folder import Folder
from operate.growing import Growing
from operate.lines import Lines
from operate.since import Since
from spawn import output_file
from state.paths import output_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.lines import Printer
    from proc.server import Server

MOST_LOGS = 8  # that are read at once
MOST_MOVED = 3  # logs that are no longer in `dir`, and are read on
ALL_AGAIN = 5.0  # seconds after which we look at the times of all logs
AT_ONCE = 16  # reads of one log, before it is the turn of the others

Key = tuple[int, int]  # device and inode of a file


class _Followed:
    """A log, its lines, and which of these are to be printed (since: from when on)."""

    def __init__(self, log: Growing | CutLog, prefix: str, since: Since | None = None) -> None:
        self.log = log
        self.lines = Lines(prefix)
        self._since = since

    def step(self, printer: Printer) -> int:
        """Print what has been added; return how many bytes."""
        total = 0
        for _ in range(AT_ONCE):
            raw = self.log.read()
            if self.log.has_begun_anew:
                printer.end(self.lines)
            if not raw:
                break
            total += len(raw)
            lines = self.lines.whole(raw)
            printer.add(self.lines, self._since.passing(lines) if self._since else lines)
        if self.lines.is_late():
            printer.add_unfinished(self.lines)
        return total

    def drain(self, printer: Printer) -> None:
        """Print what is there now."""
        while self.step(printer):
            pass


class FollowedLogs:
    """The logs and the output of one server.

    prefix: of each line that is printed.  remarks: for a person; the caller takes them.
    """

    def __init__(self, server: Server, state_dir: str, prefix: str, kept: Folder) -> None:
        self.server = server
        self.remarks: list[str] = []
        self._prefix = prefix
        self._folder = Folder(server.directory, server.ids)
        self._output = self._output_of(server, state_dir, kept)
        self._logs: dict[Key, _Followed] = {}
        self._moved: list[_Followed] = []
        self._known: dict[Key, int] = {}  # how large a log was when we last saw that it is not among the newest
        self._listed: list[str] | None = None
        self._next_look = 0.0
        self._lost = 0

    def _output_of(self, server: Server, state_dir: str, kept: Folder) -> _Followed | None:
        path = output_file.path_of(server, state_dir)
        directory, name = os.path.split(path)
        if path.startswith("/dev/"):
            return None
        if directory != output_directory(state_dir):
            kept = Folder(directory, server.ids)
        self._output_folder, self._output_name = kept, name
        self._cut_log = CutLog(kept, name)
        return _Followed(self._cut_log, self._prefix)

    # -- the beginning ---------------------------------------------------------------------------

    def begin(self, lines: int) -> None:
        """Go back so many lines in the newest log, or in the output if that is newer.  Raises Refused."""
        found = self._require()
        newest = max(found, default=None, key=lambda each: (each[1] > 0, each[0], each[2] != ""))
        for _, _, name in found:
            if name:
                self._open(name, at_end=True)
        self._listed = self._folder.names()
        if newest and newest[2]:
            self._newest(newest[2]).go_back(lines)
        if self._has_output():
            self._cut_log.go_back(lines if newest and not newest[2] else 0)

    def begin_since(self, since: float, printer: Printer) -> None:
        """Print what is there from that time on, the oldest file first.  Raises Refused."""
        now = time.time()
        passed = [(time_of, name) for time_of, _, name in self._require() if time_of >= since]
        self._print_moved(since, now, printer)
        for _, name in sorted(passed):
            if name:
                followed = self._open(name, at_end=False, since=Since(since, now))
            else:
                self._cut_log.go_back_to(since)
                followed = self._output = _Followed(self._cut_log, self._prefix, Since(since, now))
            if followed:
                followed.drain(printer)
        if "" not in [name for _, name in passed] and self._has_output():
            self._cut_log.go_to_end()

    def _print_moved(self, since: float, now: float, printer: Printer) -> None:
        """The logs in oldlog: those of earlier runs."""
        folder = Folder(os.path.join(self.server.directory, self.server.oldlog), self.server.ids)
        try:
            found = [(status.st_mtime, name) for name in folder.names() if (status := folder.status(name))]
        except OSError:
            return  # there is none
        for written, name in sorted(found):
            if written >= since and any(globs.fits(name, f"{pattern}*") for pattern in self.server.logs):
                followed = _Followed(Growing(folder.regular(name)), self._prefix, Since(since, now))
                followed.drain(printer)
                printer.end(followed.lines)
                followed.log.close()

    def _require(self) -> list[tuple[float, int, str]]:
        """Time, size and name of each log, the newest last, and of the output, with "" as its name.  Raises Refused."""
        server = self.server
        try:
            names = self._log_names()
        except FileNotFoundError:
            raise Refused(
                NOT_CONFIGURED, f"{server.shown}: no directory {server.directory}; set dir in {server.conf_file}"
            ) from None
        except OSError as error:
            raise Refused(NO_PERMISSION, f"{server.shown}: dir {server.directory}: {error.strerror}") from None
        found = [(status.st_mtime, status.st_size, name) for name in names if (status := self._folder.status(name))]
        status = self._has_output()
        if status:
            found.append((status.st_mtime, status.st_size, ""))
        if not found:
            raise Refused(FAILED, f"{server.shown}: no log like {' '.join(server.logs)} in {server.directory}")
        return sorted(found)

    def _has_output(self) -> os.stat_result | None:
        try:
            return self._output_folder.status(self._output_name) if self._output else None
        except OSError:
            return None

    # -- while it goes on ------------------------------------------------------------------------

    def step(self, printer: Printer) -> int:
        """Print what has been added to any of them; return how many bytes."""
        try:
            self._look()
        except OSError:
            pass  # its directory is gone, and may come back
        total = 0
        for followed in [*self._moved, *self._logs.values(), *filter(None, [self._output])]:
            try:
                total += followed.step(printer)
            except FileNotFoundError:
                pass  # the output is yet to come
        self._tell_losses()
        return total

    def _tell_losses(self) -> None:
        lost = self._cut_log.lost if self._output else 0
        if lost > self._lost:
            self._lost = lost
            self.remarks.append(
                f"{self.server.shown}: lines may be missing here: they were deleted before tail could read them; "
                f"a larger output_keep in {self.server.conf_file} keeps them longer"
            )

    def _look(self) -> None:
        """Which logs are there now?"""
        names = self._folder.names()
        if names is self._listed and time.monotonic() < self._next_look:
            return
        is_new = names is not self._listed
        self._listed = names
        self._next_look = time.monotonic() + ALL_AGAIN
        found = {}
        for name in self._log_names():
            status = self._folder.status(name)
            if status:
                found[status.st_dev, status.st_ino] = (status.st_mtime, status.st_size, name)
        if is_new:
            self._set_moved_aside(found)
        newest = sorted(found, key=lambda key: found[key])[-MOST_LOGS:]
        self._take(newest, found)
        self._known = {key: found[key][1] for key in found if key not in newest}

    def _take(self, newest: list[Key], found: dict[Key, tuple[float, int, str]]) -> None:
        for key in newest:
            if key not in self._logs:
                self._open(found[key][2], at_end=False, at=self._known.get(key, 0))
        for key in [key for key in self._logs if key not in newest]:
            self._logs.pop(key).log.close()

    def _set_moved_aside(self, found: dict[Key, tuple[float, int, str]]) -> None:
        for key in [key for key in self._logs if key not in found]:
            self._moved.append(self._logs.pop(key))
        for followed in self._moved[:-MOST_MOVED]:
            followed.log.close()
        self._moved = self._moved[-MOST_MOVED:]

    def _log_names(self) -> list[str]:
        """The names that fit `logs`, without that of the output."""
        names = self._folder.names()
        own = self._output_name if self._output and self._output_folder.path == self._folder.path else None
        return [name for name in names if name != own and any(globs.fits(name, each) for each in self.server.logs)]

    def _open(self, name: str, at_end: bool, since: Since | None = None, at: int = 0) -> _Followed | None:
        try:
            log = Growing(self._folder.regular(name), at)
        except OSError:
            return None  # gone again, or not ours to read
        status = os.fstat(log.fd)
        if at_end:
            log.go_to_end()
        followed = self._logs[status.st_dev, status.st_ino] = _Followed(log, self._prefix, since)
        return followed

    def _newest(self, name: str) -> Growing | CutLog:
        status = self._folder.status(name)
        followed = self._logs.get((status.st_dev, status.st_ino)) if status else None
        if not followed:
            raise Refused(NO_PERMISSION, f"{self.server.shown}: {name} cannot be read")
        return followed.log
