"""Copy whole lines from a pipe to a stream, in a thread: standard error goes on while standard output stands still."""

from __future__ import annotations

import os
import select
import threading

from operate.lines import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.standard_stream import Stream

PIECE = 1 << 16
LAST_SECONDS = 1.0  # for what is printed at the end


class CopiedLines:
    """source: the end of a pipe to read from."""

    def __init__(self, source: int, stream: Stream) -> None:
        self._source = source
        self._stream = stream
        self._lines = Lines("")
        self._told, self._tell = os.pipe()
        os.set_blocking(source, False)
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def _copy(self) -> None:
        waiting = select.poll()
        waiting.register(self._source, select.POLLIN)
        waiting.register(self._told, select.POLLIN)
        is_over = False
        while not is_over:
            is_over = self._told in dict(waiting.poll())
            while raw := self._read():
                self._stream.lines(b"", self._lines.whole(raw))
                self._stream.flush()
        self._stream.lines(b"", self._lines.end())
        self._stream.flush()

    def _read(self) -> bytes:
        try:
            return os.read(self._source, PIECE)
        except BlockingIOError:
            return b""

    def end(self) -> None:
        """Copy what is there, and end; if no one reads it, it is lost."""
        os.write(self._tell, b".")
        self._thread.join(LAST_SECONDS)
