"""Standard output or error of `run`, for whole lines.

What is written at once is at most PIPE_BUF bytes of whole lines, unless a line is longer: pipe(7) promises that no
other writer comes between.
"""

from __future__ import annotations

import os
import select
import time

from base import last_words

FULL_SECONDS = 1.0  # a full disk does not report that it has room again


class Stream:
    """Standard output or error; it waits for its reader.  When there is none any more, all is dropped."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._is_terminal = os.isatty(fd)
        self._is_lost = False
        self._piece = b""

    def lines(self, prefix: bytes, lines: list[bytes]) -> None:
        """Print whole lines, given without their ends."""
        for line in lines:
            text = last_words.text_of(line).encode("utf-8", "replace") if self._is_terminal and prefix else line
            if len(self._piece) + len(prefix) + len(text) + 1 > select.PIPE_BUF:
                self.flush()
            self._piece += prefix + text + b"\n"

    def flush(self) -> None:
        """Write what is not written yet."""
        piece, self._piece = self._piece, b""
        while piece and not self._is_lost:
            try:
                piece = piece[os.write(self._fd, piece) :]
            except BlockingIOError:
                self._wait()
            except (BrokenPipeError, ConnectionError):
                self._is_lost = True
            except OSError:
                time.sleep(FULL_SECONDS)

    def _wait(self) -> None:
        """Whoever started us has set O_NONBLOCK."""
        room = select.poll()
        room.register(self._fd, select.POLLOUT)
        room.poll()
