"""Does the server accept a connection on its port?

That proves little: the kernel accepts connections for a stuck server until its backlog is full.
"""

from __future__ import annotations

from health import connect
from proc import ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from health.active_check import Check


class TcpProbe:
    """Connects to the server's port where it listens; calls check.passed(), failed() or unable()."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._server = check.life.server
        self._address = ""
        self._call: connect.Call | None = None
        self.awaited = "connection"

    def name(self) -> str:
        """The address and port."""
        address = self._address or ports.LOOPBACK
        return f"tcp {f'[{address}]' if ':' in address else address}:{self._server.port}"

    def begin(self) -> None:
        """Connect; after a failure look up the address again."""
        server = self._server
        self._address = self._address or ports.address(server.port, server.pid) or ports.LOOPBACK
        try:
            self._call = connect.Call(self._check.loop, self._address, server.port, self._done)
        except OSError as error:
            self._done(error.errno or 0)

    def _done(self, number: int) -> None:
        if not number:
            self._check.when_ours(self._call, self._server.port, self._reached)
            return
        self.end()
        if number in connect.OURS:
            self._check.unable(connect.in_words(number))
        else:
            self._check.failed(connect.in_words(number))
            self._address = ""

    def _reached(self, words: str) -> None:
        words = self._check.of_ours(words)
        self.end()
        if words:
            self._check.failed(words)
        else:
            self._check.passed()

    def end(self) -> None:
        """Close the connection."""
        if self._call:
            self._call.end()
            self._call = None
