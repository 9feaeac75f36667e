"""Who has the port that a server could not listen on?  We ask only after it has said itself that its address is in use.

The search looks at the descriptors of all processes, so a child makes it, and a start waits for it at most PATIENCE_MS.
"""

from __future__ import annotations

import os

from base import busy_port
from loop.hand import Hand
from proc import ports, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Supervisor
    from proc.server import Server

PATIENCE_MS = 2000


def look(host: Supervisor, server: Server, printed: str, then: Callable[[str], None]) -> None:
    """Pass `: port N is held by ...` to then; "" if it did not fail for that, or no one listens there (any more).

    printed: what the failed start has printed.
    """
    meant = busy_port.ports(printed)
    if meant is None:
        then("")
        return
    wanted = [*meant, *_named_by(server)]
    try:
        Hand(
            host.loop,
            lambda: _holder(wanted, host.psutil_home, server.pid),
            then,
            lambda: then(""),
            patience_ms=PATIENCE_MS,
        )
    except OSError:
        then("")  # no process can be made; the search is not worth a delay


def _named_by(server: Server) -> list[int]:
    """Its port, and the numbers of its command that may be ports: not every program says which address is in use."""
    numbers = (word.rpartition(":")[2].rpartition("=")[2] for word in server.argv[1:])
    found = [int(word) for word in numbers if word.isascii() and word.isdigit() and len(word) <= busy_port.LONGEST_PORT]
    return [server.port, *found] if server.port else found


def _holder(wanted: list[int], psutil_home: str, own: int) -> str:
    """own: the pid of the server's next process, which leads its session; it may have got the port meanwhile."""
    port = next(filter(ports.listening, wanted), 0)
    if not port:
        return ""
    pid, _, name = scan.holder(port, psutil_home).partition(" ")
    if pid and own and _session(int(pid)) == own:
        return ""
    return f": port {port} is held by " + (f"pid {pid} ({name})" if pid else "a process that may not be examined")


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0
