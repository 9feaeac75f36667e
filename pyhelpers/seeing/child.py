"""A program of ours beside the screen, which never waits for it.

An order goes on to its end even if the screen is gone: it writes into a file that has no name, so nothing stops it.
What follows a log writes into a pipe, and ends when that has no reader.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque

from base import last_words
from base.suite import PROGRAMS
from operate.lines import Lines

MOST = 1 << 16  # bytes of one read
READS = 16  # of one step
LONGEST = 4096  # bytes of a line that are shown


def _begin(words: list[str], output: int) -> subprocess.Popen[bytes]:
    """words: a program of pyhelpers/ and its arguments.  A session of its own: Ctrl-C is for the screen."""
    return subprocess.Popen(
        [sys.executable, "-E", "-s", f"{PROGRAMS}/{words[0]}", *words[1:]],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


class Order:
    """An order that control.py gives.  word: such as stop; name: of the server; words: all that control.py gets."""

    def __init__(self, word: str, name: str, words: list[str]) -> None:
        self.word, self.name = word, name
        self._output = os.memfd_create("order", os.MFD_CLOEXEC)
        self._process = _begin(["control.py", *words], self._output)
        self.status: int | None = None

    def step(self) -> bool:
        """Has it said anything new, or come to its end?"""
        before = self.status, self._size()
        self.status = self._process.poll()
        return before != (self.status, self._size())

    def _size(self) -> int:
        return os.fstat(self._output).st_size

    def said(self) -> str:
        """The last line that it has printed, harmless; "" if none."""
        size = self._size()
        text = last_words.text_of(os.pread(self._output, MOST, max(0, size - MOST)))
        return text.rpartition("\n")[2]

    def close(self) -> None:
        """Its output is no longer of interest.  It goes on."""
        os.close(self._output)


class Tail:
    """What tail.py prints.  words: all that it gets; lines: the last ones, harmless."""

    def __init__(self, words: list[str], lines: deque[str]) -> None:
        self.lines = lines
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        try:
            self._process = _begin(["tail.py", *words], write)
        finally:
            os.close(write)
        self._text = Lines("")
        self.has_ended = False

    def step(self) -> bool:
        """Take what it has printed; was there anything?"""
        for count in range(READS):
            try:
                raw = os.read(self._read, MOST)
            except BlockingIOError:
                return count > 0
            if not raw:
                self.has_ended = True
                self._take(self._text.end())
                return count > 0
            self._take(self._text.whole(raw))
        return True

    def _take(self, lines: list[bytes]) -> None:
        self.lines.extend(last_words.text_of(line[:LONGEST]) for line in lines)

    def close(self) -> None:
        """End it."""
        os.close(self._read)
        self._process.terminate()
        self._process.poll()  # if it takes longer, the next child, or our end, reaps it
