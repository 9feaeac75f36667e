"""What a command of a server with env_file or secrets prints: a child reads it, so that no value comes to us.

The child keeps the last of it.  When the command has ended, it stars the values, as in the last words of the server
(spawn/hidden_output.py), and hands the text over.
"""

from __future__ import annotations

import os

from loop.hand import Hand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop
    from proc.server import Server

PATIENCE_MS = 1000  # for the values: what waits for the words cannot wait longer
ENDLESS_MS = 1 << 31  # it is always told when the command has ended
PIPE = 1 << 16  # bytes: pipe(7)
LEFT_IN_PIPE = 16  # the most reads of what a dead command left in the pipe: others may still write
REST_SECONDS = 0.001  # after a full pipe, so that a flood does not keep a processor busy


class Redactor:
    """The child.  most: bytes that it keeps; output: what the command prints to, until begun().  Raises OSError."""

    def __init__(self, loop: Loop, server: Server, most: int) -> None:
        self._then: Callable[[str], None] | None = None
        self._text: str | None = None
        prints, self.output = os.pipe()
        ended, self._until_end = os.pipe()  # the child sees its end when we close it, or have died
        try:
            self._hand = Hand(
                loop,
                lambda: _last_words(server, prints, ended, most),
                self._know,
                lambda: self._know(""),
                patience_ms=ENDLESS_MS,
                kept=(prints, ended),
            )
        except OSError:
            os.close(self.output)
            os.close(self._until_end)
            raise
        finally:
            os.close(prints)
            os.close(ended)

    def begun(self) -> None:
        """The command has its output now, or there is no command."""
        os.close(self.output)

    def end(self, then: Callable[[str], None]) -> None:
        """The command has ended: pass the last of what it printed to then, once; "" if its values cannot be known."""
        os.close(self._until_end)
        self._then = then
        if self._text is None:
            self._hand.hurry(PATIENCE_MS)
        else:
            then(self._text)

    def _know(self, text: str) -> None:
        self._text = text
        if self._then:
            self._then(text)


def _last_words(server: Server, prints: int, ended: int, most: int) -> str:
    tail = _Tail(prints, most)
    tail.follow(ended)
    if not tail.kept:
        return ""
    from spawn import hidden_output  # only the child needs it

    return hidden_output.hidden(server, tail.kept, tail.is_cut)


class _Tail:
    """The last of what comes out of a pipe, at most so many bytes."""

    def __init__(self, prints: int, most: int) -> None:
        self._prints = prints
        self._most = most
        self.kept = b""
        self.is_cut = False
        os.set_blocking(prints, False)

    def _read(self) -> int:
        try:
            piece = os.read(self._prints, PIPE)
        except BlockingIOError:
            return 0
        self.is_cut = self.is_cut or len(self.kept) + len(piece) > self._most
        self.kept = (self.kept + piece)[-self._most :]
        return len(piece)

    def follow(self, ended: int) -> None:
        """Read until the other end of this pipe is closed; then what is left."""
        import select
        import time

        waits = select.poll()
        waits.register(self._prints, select.POLLIN)
        waits.register(ended, 0)  # its hang-up comes all the same
        while not any(fd == ended for fd, _ in waits.poll()):
            length = self._read()
            if length == 0:
                waits.unregister(self._prints)  # no one can write any more
            elif length == PIPE:
                time.sleep(REST_SECONDS)
        for _ in range(LEFT_IN_PIPE):
            if not self._read():
                break
