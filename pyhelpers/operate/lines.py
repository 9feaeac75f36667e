"""Print the lines of several logs on one standard output, each whole.

A line is printed when its end is there.  Of one whose end does not come, such as a prompt or the last words of a
program that was killed, we print what is there after a second.

On a terminal control characters become harmless, as in everything that we print of a server.  A pipe or a file gets the
bytes as they are.
"""

from __future__ import annotations

import os
import time
from collections import deque

from base import last_words

PATIENCE = 1.0  # seconds that an unfinished line may take
MOST = 1 << 20  # bytes of it that we hold back
MOST_HELD = 10_000  # pieces of text that wait to be written


class Lines:
    """Of one log.  prefix: stands before each line that we print."""

    def __init__(self, prefix: str) -> None:
        self.prefix = os.fsencode(prefix)
        self.rest = b""  # an unfinished line, as far as it is not printed yet
        self.since = 0.0

    def whole(self, raw: bytes) -> list[bytes]:
        """The lines that are complete with these next bytes, without their ends."""
        if not raw:
            return []
        *lines, self.rest = (self.rest + raw).split(b"\n")
        self.since = time.monotonic()
        return lines

    def end(self) -> list[bytes]:
        """The unfinished line, which nothing will finish."""
        rest, self.rest = self.rest, b""
        return [rest] if rest else []

    def is_late(self) -> bool:
        """Is there an unfinished line that should be printed now?"""
        return bool(self.rest) and (len(self.rest) > MOST or time.monotonic() > self.since + PATIENCE)


class Printer:
    """Standard output.  The calls raise OSError: BrokenPipeError when no one reads it any more."""

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._is_terminal = os.isatty(fd)
        self._text: list[bytes] = []
        self._kept: deque[tuple[Lines, bytes]] | None = None  # the last lines, which are yet to be printed
        self._unfinished: Lines | None = None  # whose line the last one is, if that has no end yet

    def keep(self, lines: int) -> None:
        """Until print_kept, keep the last lines, so many, and print none."""
        self._kept = deque(maxlen=lines)

    def print_kept(self) -> None:
        """Print those that were kept."""
        kept, self._kept = self._kept or (), None
        for log, line in kept:
            self.add(log, [line])

    def add(self, log: Lines, lines: list[bytes]) -> None:
        """Print whole lines of a log."""
        if self._kept is not None:
            self._kept += [(log, line) for line in lines]
            return
        if len(self._text) > MOST_HELD:
            self.flush()
        for line in lines:
            self._begin(log)
            self._text.append(self._plain(line) + b"\n")
            self._unfinished = None

    def add_unfinished(self, log: Lines) -> None:
        """Print what is there of a line."""
        self._begin(log)
        self._text.append(self._plain(log.rest))
        log.rest = b""
        self._unfinished = log

    def end(self, log: Lines) -> None:
        """Nothing continues the unfinished line of this log."""
        self.add(log, log.end())
        if self._unfinished is log:
            self._text.append(b"\n")
            self._unfinished = None

    def _begin(self, log: Lines) -> None:
        if self._unfinished is log:
            return
        self._text += [b"\n"] * (self._unfinished is not None) + [log.prefix]
        self._unfinished = None

    def _plain(self, line: bytes) -> bytes:
        return last_words.text_of(line).encode("utf-8", "replace") if self._is_terminal else line

    def flush(self) -> None:
        """Write it."""
        text, self._text = memoryview(b"".join(self._text)), []
        while text:
            text = text[os.write(self._fd, text) :]
