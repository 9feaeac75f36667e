"""One archive of a log that was turned over, compressed or not; see spawn/archives.py for the names."""

from __future__ import annotations

import os
import zlib
from collections import deque
from typing import IO, cast

from operate.growing import MOST
from spawn.archives import DIGITS, PACKED
from spawn.turnover import BLOCK, CUT, WINDOW

NONE, ANY = -1, -2  # instead of the size of an archive: there was none; it is not known


def pieces(names: list[str], log: str) -> dict[int, str]:
    """The archives of this log among the names, by number.  A complete copy whose cut is under way counts as one."""
    found: dict[int, str] = {}
    for name in names:
        if name.startswith(f"{log}."):
            number, _, rest = name[len(log) + 1 :].partition(".")
            if len(number) >= DIGITS and number.isascii() and number.isdigit() and _is_complete(rest):
                if not found.get(int(number), "").endswith(PACKED):
                    found[int(number)] = name
    return found


def _is_complete(rest: str) -> bool:
    numbers = rest.removesuffix(CUT).split("-")
    is_cut = rest.endswith(CUT) and len(numbers) == 2 and all(number.isdecimal() for number in numbers)
    return is_cut or rest in ("", PACKED[1:])


def blank_line(head: bytes, before: int) -> int:
    """The length of the empty line with which the text behind an archive begins; 0 if there is none.

    head: the beginning of that text.  before: the size of the archive, NONE or ANY.
    """
    end = head.find(b"\n") + 1
    is_blank = end > 0 and not head[: end - 1].strip(b" ")
    return end if is_blank and before != NONE and (before == ANY or end % BLOCK == before % BLOCK) else 0


class Piece:
    """An archive that is open.  fd: becomes its own.  The calls raise OSError."""

    def __init__(self, fd: int, is_packed: bool) -> None:
        self._source = os.fdopen(fd, "rb")
        self._file: IO[bytes] = self._source
        self._is_packed = is_packed
        self._head: bytes | None = None
        self._size = -1
        if is_packed:
            import gzip

            self._file = cast("IO[bytes]", gzip.GzipFile(fileobj=self._source))

    def read(self, at: int) -> bytes:
        """The bytes from there on, at most MOST; b"" behind the end, or behind what can be decompressed."""
        try:
            self._file.seek(at)
            return self._file.read(MOST) if self._file.tell() == at else b""
        except (EOFError, zlib.error):
            return b""

    def head(self) -> bytes:
        """Its beginning."""
        if self._head is None:
            self._head = self.read(0)[:WINDOW]
        return self._head

    def size(self) -> int:
        """How many bytes it holds: for a compressed one, as gzip(1) has noted it at the end."""
        if self._size < 0:
            self._size = os.fstat(self._source.fileno()).st_size
            if self._is_packed:
                self._size = int.from_bytes(os.pread(self._source.fileno(), 4, max(0, self._size - 4)), "little")
        return self._size

    def last_lines(self, lines: int, before: int) -> tuple[int, int]:
        """Where its last lines begin, so many, and how many are missing.  before: as in blank_line."""
        begin = at = blank_line(self.head(), before)
        starts: deque[int] = deque([at], maxlen=lines + 1)
        while raw := self.read(at):
            place = raw.find(b"\n") + 1
            while place:
                starts.append(at + place)
                place = raw.find(b"\n", place) + 1
            at += len(raw)
        ends_in_line = starts[-1] != at
        found = len(starts) - 1 + ends_in_line
        if found >= lines:
            return starts[len(starts) - 1 + ends_in_line - lines], 0
        return begin, lines - found

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._source.close()
