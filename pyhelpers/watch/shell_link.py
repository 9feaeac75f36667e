"""The two pipes between the helper and the shell: events go out, orders come in.  Their words: watch/messages.py.

No write here ever blocks: the shell may wait for us while it writes an order.
"""

from __future__ import annotations

import os
import sys
import time

from base.clock import boot_seconds
from proc import identity
from state.record import iso_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop

LONGEST_LINE = 4096  # PIPE_BUF: up to this size a write into a FIFO is never torn
ORDERS_AT_ONCE = 1 << 13  # bytes
MOST_KEPT = 20  # ticks, 5 minutes: a shell that sleeps may wait for something else than us
FIONREAD = 0x541B  # ioctl_tty(2); the same on all machines that Linux calls generic
PIPE_BYTES = 1 << 20  # the shell can write so much while we stand still; the usual limit for a pipe of any user


class ShellLink:
    """The helper's ends of both.  It calls obey with the word and the fields of each order."""

    def __init__(self, run_dir: str, loop: Loop, obey: Callable[[str, list[str]], None]) -> None:
        self._loop = loop
        self._obey = obey
        self._events = os.open(f"{run_dir}/events", os.O_WRONLY | os.O_NONBLOCK)
        self._orders = os.open(f"{run_dir}/orders", os.O_RDONLY | os.O_NONBLOCK)
        _enlarge(self._orders)
        self.sent = 0  # bytes of all events, with those that wait here
        self.wants_tick = False
        self._ticks_kept = 0  # intervals since the last tick
        self._unsent: list[bytes] = []
        self._half = b""
        self._left: list[bytes] = []  # orders that we have read, and not obeyed yet
        loop.on_readable(self._orders, self._take_orders, lasts=True)

    def keep_over_exec(self) -> bytes:
        """We execute a new helper in this process: keep the pipes open until it has its own.

        Returns the bytes for its take_over(): the events that we have not sent, the orders that we have not obeyed.
        """
        for fd in (self._events, self._orders):
            os.set_inheritable(fd, True)
        unsent = b"".join(self._unsent)
        return b"%d\n%b%b" % (len(unsent), unsent, b"".join(line + b"\n" for line in self._left) + self._half)

    def take_over(self, kept: bytes) -> None:
        """Continue with what keep_over_exec() returned; call it before you send anything."""
        size, _, rest = kept.partition(b"\n")
        unsent, orders = rest[: int(size)], rest[int(size) :]
        self._unsent = unsent.splitlines(keepends=True)
        *self._left, self._half = orders.split(b"\n")
        if self._unsent:
            self._loop.on_writable(self._events, self._send_rest)
        if self._left:
            self._loop.after(0, self._obey_left)

    # -- events ----------------------------------------------------------------------------------

    def emit(self, word: str, number: int, rest: str) -> None:
        """Send one event.  Never blocks: an event that does not fit into the pipe waits here."""
        line = f"{word} {number} {boot_seconds():.0f} {iso_time(time.time())} {rest}"
        raw = _one_line(line) + b"\n"
        self.sent += len(raw)
        if self._unsent or not self._write(raw):
            self._unsent.append(raw)
            if len(self._unsent) == 1:
                self._loop.on_writable(self._events, self._send_rest)

    def tick(self) -> None:
        """An interval has passed.  Tell the shell only if it wants to know, for that wakes it.

        One that does not wait for us gets an event too: if it stands still, watch/lag.py sees that nobody reads it.
        """
        self._ticks_kept += 1
        if self.wants_tick or self._ticks_kept >= MOST_KEPT or not _sleeps(os.getppid()):
            self.wants_tick, self._ticks_kept = False, 0
            self.emit("tick", 0, "")

    def _write(self, raw: bytes) -> bool:
        try:
            os.write(self._events, raw)
        except BrokenPipeError:
            pass  # the shell is gone; we end where its orders end: one of its last may be an alert
        except OSError:  # the pipe is full, or no memory is left for it
            return False
        return True

    def _send_rest(self) -> None:
        sent = 0
        while sent < len(self._unsent) and self._write(self._unsent[sent]):
            sent += 1
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.ignore(self._events)

    @property
    def waits(self) -> bool:
        """Do events wait here, because the shell does not read?"""
        return bool(self._unsent)

    def unread(self) -> bool:
        """Are there events that the shell has not read yet?"""
        return self.unread_bytes() > 0

    def unread_bytes(self) -> int:
        """Bytes of events that the shell has not read yet."""
        import fcntl

        count = fcntl.ioctl(self._events, FIONREAD, b"\0\0\0\0")
        return int.from_bytes(count, sys.byteorder) + sum(map(len, self._unsent))

    # -- orders ----------------------------------------------------------------------------------

    def _take_orders(self) -> None:
        if self._left:
            return  # they come first
        piece = os.read(self._orders, ORDERS_AT_ONCE)
        if not piece:
            self._loop.ended = True
            return
        *self._left, self._half = (self._half + piece).split(b"\n")
        self._obey_left()

    def _obey_left(self) -> None:
        """Obey until a death, or anything else, waits: to put an alert on disk takes as long as to restart a server."""
        try:
            while self._left:
                word, *fields = self._left.pop(0).decode("utf-8", "surrogateescape").split("\t")
                self._obey(word, fields)
                if self._loop.is_called(self._orders):
                    break
        finally:  # if one order failed, too
            if self._left:
                self._loop.after(0, self._obey_left)


def _sleeps(pid: int) -> bool:
    fields = identity.stat_fields(pid)
    return fields is not None and fields[0] == "S"


def _enlarge(pipe: int) -> None:
    import fcntl

    try:
        fcntl.fcntl(pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), PIPE_BYTES)  # fcntl(2); Python names it from 3.10 on
    except OSError:
        pass  # the limit for all pipes of this user is reached: 64 KiB must suffice


def _one_line(text: str) -> bytes:
    """The text as UTF-8 without control characters: a file name may hold any bytes, our lines must not."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "?" for c in text)
    raw = text.encode()
    return raw if len(raw) < LONGEST_LINE else raw[: LONGEST_LINE - 1].decode("utf-8", "ignore").encode()
