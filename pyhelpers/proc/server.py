"""One server: what conf says of it, and who it is now."""

from __future__ import annotations

from config import settled
from config.server_settings import ServerSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from proc.identity import Process


class Server(ServerSettings):
    """Its settings, and the identity of the living one: pid 0 while there is none.

    pidfd: watched while it lives; sid: its session, if that was made for it, else 0;
    kids: pid -> start ticks of an adopted server's children, as last seen.
    unheard: numbers of the sources of pid_from that may not answer; brought: pids that hands have brought of them.
    """

    __slots__ = "brought kids last_exit memory message mode pid pidfd restarts sid source state ticks unheard".split()

    def __init__(self, number: int, name: str, settings: settled.Settings) -> None:
        super().__init__(number, name, settings)
        self.pid = self.ticks = self.sid = 0
        self.source = self.mode = ""
        self.pidfd = -1
        self.kids: dict[int, int] = {}
        self.state = "UNKNOWN"
        self.unheard: tuple[int, ...] = ()
        self.brought: dict[int, list[int]] | None = None
        self.restarts = 0
        self.memory = "-"
        self.last_exit = ""
        self.message = ""

    def is_now(self, process: Process, source: str, mode: str) -> None:
        """Take this process for the server.  source: own pidfile log scan; mode: launched adopted."""
        self.pid, self.ticks = process.pid, process.ticks
        # Another one's session may be that of the terminal it was started from: only a leader's is its own
        self.sid = process.sid if mode == "launched" or process.sid == process.pid else 0
        self.source, self.mode = source, mode
        self.kids = {}

    def incident(self) -> str:
        """A name for the death of the present process: the same for whoever finds it dead."""
        return f"{self.name}-{self.pid}-{self.ticks}"


def servers_of(groups: Iterable[tuple[str, settled.Settings]]) -> tuple[settled.Settings, list[Server]]:
    """The suite's settings and the servers, from the groups of config/settled.py."""
    suite: settled.Settings = {}
    servers: list[Server] = []
    for name, settings in groups:
        if name == settled.SUITE:
            suite = settings
        else:
            servers.append(Server(len(servers) + 1, name, settings))
    return suite, servers
