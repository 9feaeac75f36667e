"""The two pipes between the helper and the shell: events go out, orders come in.  Their words: watch/messages.py."""

from __future__ import annotations

import os
import time

from base.clock import boot_seconds
from state.record import iso_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop

LONGEST_LINE = 4096  # PIPE_BUF: up to that a write into a FIFO is never torn
ORDERS_AT_ONCE = 1 << 13  # bytes: between so many, deaths are seen, however many orders wait
TRY_AGAIN_MS = 10
FIONREAD = 0x541B  # ioctl_tty(2); the same on all machines that Linux calls generic


class ShellLink:
    """The helper's ends of both.  obey: is called with the word and the fields of each order."""

    def __init__(self, run_dir: str, loop: Loop, obey: Callable[[str, list[str]], None]) -> None:
        self._loop = loop
        self._obey = obey
        with open(f"{run_dir}/key", encoding="ascii") as key:
            self._key = key.read()
        self._mailbox = os.open(f"{run_dir}/mailbox", os.O_WRONLY | os.O_NONBLOCK)
        self._orders = os.open(f"{run_dir}/orders", os.O_RDONLY | os.O_NONBLOCK)
        self._unsent: list[bytes] = []
        self._half = b""
        loop.on_readable(self._orders, self._take_orders)

    def keep_over_exec(self) -> None:
        """We become a new helper in this process: send what waits, and keep the pipes open until that has its own."""
        while self._unsent:
            os.set_blocking(self._mailbox, True)
            self._send_rest()
        for fd in (self._mailbox, self._orders):
            os.set_inheritable(fd, True)

    # -- events ----------------------------------------------------------------------------------

    def emit(self, word: str, number: int, rest: str) -> None:
        """Put one event into the mailbox.  Never blocks: what does not fit waits here."""
        line = f"{self._key}{word} {number} {boot_seconds():.0f} {iso_time(time.time())} {rest}"
        raw = _one_line(line) + b"\n"
        if self._unsent or not self._write(raw):
            self._unsent.append(raw)
            if len(self._unsent) == 1:
                self._loop.after(TRY_AGAIN_MS, self._send_rest)

    def _write(self, raw: bytes) -> bool:
        try:
            os.write(self._mailbox, raw)
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self._loop.ended = True  # the shell is gone
        return True

    def _send_rest(self) -> None:
        while self._unsent and self._write(self._unsent[0]):
            self._unsent.pop(0)
        if self._unsent:
            self._loop.after(TRY_AGAIN_MS, self._send_rest)

    def unread(self) -> bool:
        """Does anything lie in the mailbox that the shell has not read yet?"""
        import fcntl

        count = fcntl.ioctl(self._mailbox, FIONREAD, b"\0\0\0\0")
        return bool(self._unsent) or count != b"\0\0\0\0"

    # -- orders ----------------------------------------------------------------------------------

    def _take_orders(self) -> None:
        piece = os.read(self._orders, ORDERS_AT_ONCE)
        if not piece:
            self._loop.ended = True
            return
        *lines, self._half = (self._half + piece).split(b"\n")
        for line in lines:
            word, *fields = line.decode("utf-8", "surrogateescape").split("\t")
            self._obey(word, fields)


def _one_line(text: str) -> bytes:
    """No control characters, and nothing but UTF-8: a file name may hold anything, a line of ours may not."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "?" for c in text)
    raw = text.encode()
    return raw if len(raw) < LONGEST_LINE else raw[: LONGEST_LINE - 1].decode("utf-8", "ignore").encode()
