"""Read what is added to a file, wherever it is renamed to meanwhile."""

from __future__ import annotations

import os

MOST = 1 << 20  # bytes of one read
STEP = 1 << 16


class Growing:
    """A log that a server writes by itself.  fd: to read it; it is closed by close().

    has_begun_anew: it became shorter, so what we read now continues nothing.  The calls raise OSError.
    """

    def __init__(self, fd: int, at: int = 0) -> None:
        self.fd = fd
        self.has_begun_anew = False
        self._at = at

    def read(self) -> bytes:
        """The next bytes; b"" if there are none now."""
        size = os.fstat(self.fd).st_size
        self.has_begun_anew = size < self._at
        if self.has_begun_anew:  # as copytruncate of logrotate(8) leaves it
            self._at = 0
        raw = os.pread(self.fd, MOST, self._at) if size > self._at else b""
        self._at += len(raw)
        return raw

    def go_back(self, lines: int) -> None:
        """Go to the beginning of its last lines, so many."""
        end = os.fstat(self.fd).st_size
        self._at = last_lines(self.fd, 0, end, lines)[0]

    def go_to_end(self) -> None:
        """What is there already is not read."""
        self._at = os.fstat(self.fd).st_size

    def close(self) -> None:
        """Close it."""
        os.close(self.fd)


def last_lines(fd: int, begin: int, end: int, lines: int) -> tuple[int, int]:
    """Where the last lines between begin and end begin, so many; and how many are missing, if there are fewer.

    An unfinished line at the end counts.  Raises OSError.
    """
    at = end
    wanted = lines + (os.pread(fd, 1, end - 1) == b"\n" if end > begin else 0)  # the end of the last is no beginning
    while at > begin and lines:
        start = max(begin, at - STEP)
        text = os.pread(fd, at - start, start)
        found = text.count(b"\n")
        if found >= wanted:
            return start + _from_the_end(text, wanted), 0
        wanted -= found
        at = start
    return (begin if lines else end), (wanted - 1 if lines and end > begin else lines)


def _from_the_end(text: bytes, number: int) -> int:
    """The place behind the end of a line of that number, from the end."""
    at = len(text)
    for _ in range(number):
        at = text.rindex(b"\n", 0, at)
    return at + 1
