"""Print what servers say on the standard output of `run`, line by line, as `tail -f` does.

The log that we keep for each server is the buffer: a reader of our standard output that stands still holds up this
process alone, and no server.  The messages of the monitor come through pipes, so that this process alone writes to
standard output; they get no prefix.
"""

from __future__ import annotations

import os

from loop.loop import Loop
from loop.modified import Modified
from operate.copied_lines import CopiedLines
from operate.cut_log import CutLog
from operate.folder import Folder
from operate.lines import MOST, Lines
from operate.standard_stream import Stream
from proc import identity
from state import lock
from state.paths import make_private, output_directory, server_directory

BUSY_MS, BLIND_MS, AGAIN_MS = 10, 200, 1000
AT_ONCE = 16  # reads of one log, before it is the turn of the others
PIECE = 1 << 16
PPID = 1  # place in identity.stat_fields()
LOG = ".log"


class _Messages:
    """What the monitor prints on its standard output: a pipe.  fd: our end."""

    def __init__(self, fd: int, stream: Stream) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._stream = stream
        self._lines = Lines("")

    def step(self) -> int:
        """Print what is there; return how many bytes."""
        total = 0
        while True:
            try:
                raw = os.read(self._fd, PIECE)
            except BlockingIOError:
                raw = b""
            self._stream.lines(b"", self._lines.whole(raw))
            self._stream.flush()
            if not raw:
                return total
            total += len(raw)

    def end(self) -> None:
        """Print what has no end."""
        self._stream.lines(b"", self._lines.end())
        self._stream.flush()


class _Log:
    """The kept log of one server."""

    def __init__(self, folder: Folder, name: str, is_plain: bool, stream: Stream) -> None:
        self._log = CutLog(folder, name)
        shown = name[: -len(LOG)]
        self._lines = Lines("" if is_plain else f"{shown} | ")
        self._stream = stream
        self._shown = shown
        self._lost = 0
        self.is_ours = False  # another monitor may keep the logs of other servers there

    def go_to_end(self) -> None:
        """What is there already is not printed."""
        try:
            self._log.go_to_end()
        except OSError:
            pass  # deleted just now

    def step(self) -> int:
        """Print what has been added; return how many bytes.  An unfinished line waits for its end."""
        total = 0
        for _ in range(AT_ONCE):
            raw = self._read()
            if self._log.has_begun_anew:
                self.end()
            if not raw:
                break
            total += len(raw)
            self._stream.lines(self._lines.prefix, self._lines.whole(raw))
        if len(self._lines.rest) > MOST:
            self.end()
        return total

    def _read(self) -> bytes:
        try:
            return self._log.read()
        except OSError:
            return b""  # someone has deleted it, or it is yet to come

    def end(self) -> None:
        """Print the unfinished line: nothing will finish it."""
        self._stream.lines(self._lines.prefix, self._lines.end())

    def lost(self) -> str:
        """What to say of lines that were deleted before we could read them; "" for nothing new."""
        if self._log.lost == self._lost:
            return ""
        self._lost = self._log.lost
        return f"{self._shown}: lines are missing here: its log was full before someone read them; raise output_max"


class PrintedLines:
    """Everything that one `run` prints.

    pipes: the ends of the monitor's standard output and error.  told: it ends when the servers have ended.
    """

    def __init__(self, state_dir: str, is_plain: bool, pipes: tuple[int, int], told: int) -> None:
        self.loop = Loop()
        self._state_dir = state_dir
        self._is_plain = is_plain
        self._stream, self._errors = Stream(1), Stream(2)
        self._messages = _Messages(pipes[0], self._stream)
        self._copied = CopiedLines(pipes[1], Stream(2))
        self.loop.on_readable(pipes[0], self._say)
        self.loop.on_readable(told, self._drain)
        self._folder = Folder(output_directory(state_dir))
        self._logs: dict[str, _Log] = {}
        self._others: set[str] = set()
        self._changes: Modified | None = None
        self._is_looking = False

    def _say(self) -> None:
        self._messages.step()

    def begin(self) -> None:
        """From now on print what is added to the logs."""
        self._open()
        for name in self._names():
            self._follow(name).go_to_end()
        self._look()

    def _open(self) -> None:
        try:
            make_private(self._folder.path)
            self._changes = Modified(self.loop, self._folder.path, self._written)
        except OSError:
            self._changes = None  # a full or read-only disk: we look for it again and again

    def _names(self) -> list[str]:
        try:
            return [name for name in self._folder.names() if name.endswith(LOG)]
        except OSError:
            return []

    def _follow(self, name: str) -> _Log:
        log = self._logs[name] = _Log(self._folder, name, self._is_plain, self._stream)
        return log

    # -- looks -----------------------------------------------------------------------------------

    def _written(self) -> None:
        if not self._is_looking:
            self._look_after(BUSY_MS)

    def _look_after(self, milliseconds: float) -> None:
        self._is_looking = True
        self.loop.after(milliseconds, self._look)

    def _look(self) -> None:
        self._is_looking = False
        if not self._changes:
            self._open()
        is_asked = self._changes is not None and self._changes.ask()
        if self._step():
            self._look_after(BUSY_MS)
        elif not is_asked:
            self._look_after(BLIND_MS if self._changes else AGAIN_MS)

    def _step(self) -> int:
        """Print what has been added to any log; return how many bytes."""
        for name in self._names():
            if name not in self._logs:
                self._follow(name)
        total = 0
        for name, log in self._logs.items():
            log.is_ours = log.is_ours or self._is_ours(name[: -len(LOG)])
            if not log.is_ours:
                log.go_to_end()
                continue
            total += log.step()
            self._errors.lines(b"", list(filter(None, [log.lost().encode()])))
        self._stream.flush()
        self._errors.flush()
        return total

    def _is_ours(self, kept_in: str) -> bool:
        """Does our monitor watch that server, or no one?"""
        watcher = lock.watcher_of(server_directory(self._state_dir, kept_in))
        fields = identity.stat_fields(int(watcher)) if watcher.isdigit() else None
        return not fields or int(fields[PPID]) == os.getppid()

    def _drain(self) -> None:
        """The servers have ended: print what is left, and end."""
        while self._step():
            pass
        for log in self._logs.values():
            log.end()
        self._stream.flush()
        self._messages.step()
        self._messages.end()
        self._copied.end()
        self.loop.ended = True
