"""Print to the monitor's standard output and error, and never wait for a reader.

If a line cannot be printed at once (a terminal after ^S, a pipe that no one reads, a full disk), it waits here, up to
MOST bytes a stream.  Then we drop and count further lines, and print the count when the stream accepts text again.

O_NONBLOCK belongs to an open file description, which we share with the shell and with others.  So we open a pipe or a
terminal anew, by its name in /proc/self/fd; for a socket we use MSG_DONTWAIT; a file on a disk never blocks us.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop

MOST = 1 << 16
TRY_AGAIN_MS = 1000  # a full disk does not report that it has room again
SMALL = 512  # bytes: for a stream that we may not open anew, poll(2) promises room for a little


class Stream:
    """Standard output or standard error.  fd: 1 or 2."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop = loop
        self._waiting = b""
        self._lost = 0
        self._listening = False
        self._fd, self._write = _opened(fd)

    def print(self, line: bytes) -> None:
        """Print a line, now or when there is room; or count it as lost."""
        if self._lost or len(self._waiting) + len(line) > MOST:
            self._lost += 1
            return
        self._waiting += line + b"\n"
        if len(self._waiting) == len(line) + 1:  # else we wait for the stream already
            self._flush()

    def _flush(self) -> None:
        """Write as much as the stream accepts."""
        try:
            while self._waiting:
                self._waiting = self._waiting[self._write(self._fd, self._waiting) :]
                if not self._waiting and self._lost:
                    self._waiting, self._lost = f"{self._lost} lines lost\n".encode(), 0
        except BlockingIOError:
            self._go_on_later()
            return
        except OSError:  # a full disk; or the reader has ended, and each line is lost
            self._loop.after(TRY_AGAIN_MS, self._flush)
            return
        if self._listening:
            self._listening = False
            self._loop.ignore(self._fd)

    def _go_on_later(self) -> None:
        if not self._listening:
            self._listening = True
            self._loop.on_writable(self._fd, self._flush)

    def keep_over_exec(self) -> bytes:
        """The bytes for take_over() of the next watcher in this process."""
        return self._waiting + (f"{self._lost} lines lost\n".encode() if self._lost else b"")

    def take_over(self, waiting: bytes) -> None:
        """Continue with what keep_over_exec() returned."""
        self._waiting = waiting
        self._flush()


def unblock_stderr() -> None:
    """Reopen standard error without blocking, for what Python itself prints when it dies of a fault."""
    fd, _ = _opened(2)
    if fd != 2:
        os.dup2(fd, 2)
        os.close(fd)


def _opened(fd: int) -> tuple[int, Callable[[int, bytes], int]]:
    """The descriptor to write to, and the way to write there without waiting."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return os.open(os.devnull, os.O_WRONLY), os.write
    if stat.S_ISREG(mode):
        return fd, os.write
    if stat.S_ISSOCK(mode):
        return fd, _send
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY), os.write
    except OSError:
        return fd, _write_little  # a pipe or a terminal of another user


def _send(fd: int, raw: bytes) -> int:
    import _socket

    stream = _socket.socket(fileno=os.dup(fd))
    try:
        return stream.send(raw, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
    finally:
        stream.close()


def _write_little(fd: int, raw: bytes) -> int:
    import select

    room = select.poll()
    room.register(fd, select.POLLOUT)
    if not room.poll(0):
        raise BlockingIOError
    return os.write(fd, raw[:SMALL])
