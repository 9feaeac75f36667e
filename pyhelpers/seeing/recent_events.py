"""What happened to a server lately, by the end of the history; read again when that has grown."""

from __future__ import annotations

import os

from seeing import incidents, lines
from state import whole_history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server
    from seeing.incidents import Entry

SHOWN = 5


class RecentEvents:
    """Of all servers of a state directory."""

    def __init__(self, state_dir: str) -> None:
        self._state_dir = state_dir
        self._times: tuple[int, int] | None = None
        self._entries: list[Entry] = []

    def of(self, server: Server) -> list[Entry]:
        """Its newest entries, the newest last, at most SHOWN."""
        self._read()
        places = [""] if server.kept_in == server.name else [server.place, server.directory]
        keys = [(server.name, place) for place in places]
        return [entry for entry in self._entries if entry.server in keys][-SHOWN:]

    def _read(self) -> None:
        try:
            status = os.stat(f"{self._state_dir}/{whole_history.NAME}")
        except OSError:
            return  # nothing has happened, or we may not look
        times = status.st_size, status.st_ino
        if times != self._times:
            self._times = times
            self._entries = incidents.entries(lines.newest(self._state_dir))
