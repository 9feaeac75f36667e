"""Tidy the oldlog directories outside the loop, all that are due in one go: copy logs into them, and prune them.

A server whose oldlog may not answer gets a child of its own, so that no other server waits for it.
"""

from __future__ import annotations

from base.places import NoAnswer
from loop.hand import Hand
from loop.loop import lines_of
from spawn import rotate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Host
    from proc.server import Server

AFTER_MS = 2000
PATIENCE_MS = 600_000  # a copy of a large log to a slow disk takes long


class Tidying:
    """The servers that are due, and the children at work: one for all, and one for each server that may not answer."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._due: dict[int, Server] = {}
        self._is_waiting = False
        self._all: Hand | None = None
        self._afar: dict[int, Hand] = {}

    def add(self, server: Server) -> None:
        """The server was started, so its oldlog is due."""
        self._due[server.number] = server
        self._later()

    def _later(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._host.loop.after(AFTER_MS, self._set_out)

    def _set_out(self) -> None:
        self._is_waiting = False
        if self._all and self._all.is_there:
            self._later()  # two children would copy the same logs
            return
        due, self._due = self._due, {}
        self._all = self._hand(lambda: _tidy_all(list(due.values())), due)

    def _hand(
        self, work: Callable[[], str], servers: dict[int, Server], patience_ms: float = PATIENCE_MS
    ) -> Hand | None:
        def late() -> None:
            for server in servers.values():
                self._host.say(server, f"{server.oldlog} is not tidied: that took more than {patience_ms / 1000:.0f}s")

        try:
            return Hand(self._host.loop, work, lambda text: self._tidied(servers, text), late, patience_ms=patience_ms)
        except OSError:
            return None  # no process: the next start tries again

    def _tidied(self, servers: dict[int, Server], text: str) -> None:
        for line in lines_of(text):
            number, _, remark = line.partition(" ")
            server = servers[int(number)]
            if remark:
                self._host.say(server, remark)
            else:
                self._go_afar(server)

    def _go_afar(self, server: Server) -> None:
        before = self._afar.pop(server.number, None)
        if before and before.is_there:
            self._afar[server.number] = before
            return
        found = self._hand(lambda: _tidy_afar(server), {server.number: server})
        if found:
            self._afar[server.number] = found


def _tidy_all(servers: list[Server]) -> str:
    """Tidy each; return lines `NUMBER REMARK`, with an empty remark for a server that may not answer."""
    lines = ""
    for server in servers:
        try:
            lines += _lines(server, rotate.tidy(server.directory, server.oldlog, server.oldlog_keep, server.ids))
        except NoAnswer:
            lines += f"{server.number} \n"
    return lines


def _tidy_afar(server: Server) -> str:
    if server.ids:
        server.ids.become()
    return _lines(server, rotate.tidy(server.directory, server.oldlog, server.oldlog_keep, patient=True))


def _lines(server: Server, remarks: list[str]) -> str:
    return "".join(f"{server.number} {remark}\n" for remark in remarks)
