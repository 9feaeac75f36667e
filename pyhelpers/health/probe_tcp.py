"""Does the server take a connection on its port?

Little is proved by that: the kernel accepts for a server that is stuck, until its queue is full.
"""

from __future__ import annotations

from health import connect
from proc import ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from health.active_check import Check


class TcpProbe:
    """Calls the server's port at the address where it listens; tells check passed(), failed() or unable()."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._server = check.life.server
        self._address = ""
        self._call: connect.Call | None = None
        self.awaited = "connection"

    def name(self) -> str:
        """What is called."""
        address = self._address or ports.LOOPBACK
        return f"tcp {f'[{address}]' if ':' in address else address}:{self._server.port}"

    def begin(self) -> None:
        """Call; the address is looked up again after a failure."""
        server = self._server
        self._address = self._address or ports.address(server.port, server.pid) or ports.LOOPBACK
        try:
            self._call = connect.Call(self._check.loop, self._address, server.port, self._done)
        except OSError as error:
            self._done(error.errno or 0)

    def _done(self, number: int) -> None:
        self.end()
        if not number:
            self._check.passed()
        elif number in connect.OURS:
            self._check.unable(connect.in_words(number))
        else:
            self._check.failed(connect.in_words(number))
            self._address = ""

    def end(self) -> None:
        """Hang up."""
        if self._call:
            self._call.end()
            self._call = None
