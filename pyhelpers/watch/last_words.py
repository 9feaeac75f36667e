"""What each server printed last before it ended: for history, for its alerts, and for the reason of a failed start.

At a death we only note where the output ends.  We read it when its successor is on its way, or an alert asks for it.
"""

from __future__ import annotations

from base import files, last_words
from state.paths import server_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Home
    from proc.server import Server
    from watch.kept_output import KeptOutput

READ_AFTER_MS = 20  # a restart takes less
FILE = "printed"  # in the server's directory: the text for the shell, one line of JSON
OPEN = "null -"  # no process, and the incident that is open in the shell
OF_THE_LIVING = ("hung", "limit")


class LastWords:
    """Of all servers.  host: reports them; kept: where they are."""

    def __init__(self, host: Home, kept: KeptOutput) -> None:
        self._host = host
        self._kept = kept
        self._texts: dict[int, str] = {}
        self._unread: dict[int, tuple[Server, str, int, int]] = {}
        self._reasons: dict[int, str] = {}  # of failed starts that history has already

    def ended(self, server: Server, pid: int, incident: str) -> None:
        """The process has ended: what it printed is to be read soon."""
        self._texts.pop(server.number, None)
        self._reasons.pop(server.number, None)
        begin, end = self._kept.run_of(server)
        if end > begin:
            self._unread[server.number] = server, f"{pid} {incident}", begin, end
            self._host.loop.after(READ_AFTER_MS, lambda: self._read(server.number))

    def _read(self, number: int) -> None:
        if number not in self._unread:
            return  # an alert has asked for it already
        server, which, begin, end = self._unread.pop(number)
        text = self._texts[number] = self._kept.text(server, begin, end)
        if text:
            self._report(server, which, text)

    def _report(self, server: Server, which: str, text: str) -> None:
        try:
            files.replace(
                f"{server_directory(self._host.state_dir, server.kept_in)}/{FILE}", last_words.in_json(text) + "\n"
            )
        except OSError:
            return  # a full disk; history would not take it either
        self._host.emit("printed", server, f"{which} {server.kept_in}")

    def failed(self, server: Server) -> str:
        """Why a start failed, by what it printed: `: REASON`, or ""."""
        begin, end = self._kept.run_of(server)
        text = self._texts[server.number] = self._kept.text(server, begin, end)
        why = _behind(text)
        if why and self._reasons.get(server.number) != why:  # a start is tried again and again
            self._reasons[server.number] = why
            self._host.loop.after(READ_AFTER_MS, lambda: self._report(server, OPEN, text))
        return why

    def reason(self, server: Server) -> str:
        """Why its last process ended: `: REASON`, or ""."""
        self._read(server.number)
        return _behind(self._texts.get(server.number, ""))

    def for_alert(self, server: Server, event: str) -> str:
        """The text that an alert of this event brings along."""
        if event == "recovery":
            return ""
        if event in OF_THE_LIVING and server.pid:
            return self._kept.text(server, *self._kept.run_of(server))
        self._read(server.number)
        return self._texts.get(server.number, "")


def _behind(text: str) -> str:
    return f": {last_words.reason(text)}" if text else ""
