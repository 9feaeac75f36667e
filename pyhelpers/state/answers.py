"""The answers to orders: STATE_DIR/servers/NAME/answers.

Each answer is a line, `TOKEN STATUS TEXT`, appended by one write(2).  The newest line of a TOKEN counts.  A file that
has grown beyond MOST bytes keeps its newest half.  The helper writes it; those who may read the record may read it.
"""

from __future__ import annotations

import os

from base import files
from state.record import READABLE

MOST = 1 << 16


def append(directory: str, token: str, text: str) -> None:
    """Add an answer; text: the status, and a reason if there is one.  Raises OSError: nothing was added."""
    raw = f"{token} {text}\n".encode("utf-8", "replace")
    path = f"{directory}/answers"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        size = os.fstat(fd).st_size
        if not size:
            os.fchmod(fd, READABLE)
        if size + len(raw) > MOST:
            files.replace(path, _newest_half(fd, size) + raw, READABLE)
            return
        _append_whole(fd, raw, size)
    finally:
        os.close(fd)


def _newest_half(fd: int, size: int) -> bytes:
    """The whole lines among the last MOST / 2 bytes."""
    return os.pread(fd, MOST // 2, size - MOST // 2).partition(b"\n")[2]


def _append_whole(fd: int, raw: bytes, size: int) -> None:
    try:
        files.write_whole(fd, raw)
    except OSError:
        os.ftruncate(fd, size)  # a full disk took a part of it
        raise


class Answers:
    """One reader of one server's answers; it reads the file only where that has changed."""

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/answers"
        self._seen = (0, 0)
        self._text = ""

    def to(self, token: str) -> str | None:
        """The newest answer, STATUS and reason; None: there is none yet."""
        self._read()
        at = f"\n{self._text}".rfind(f"\n{token} ")
        if at < 0:
            return None
        line, end, _ = self._text[at:].partition("\n")
        return line[len(token) + 1 :] if end else None

    def _read(self) -> None:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return
        try:
            status = os.fstat(fd)
            if (status.st_ino, status.st_size) != self._seen:
                self._text = os.read(fd, 2 * MOST).decode("utf-8", "replace")
                self._seen = (status.st_ino, status.st_size)
        finally:
            os.close(fd)
