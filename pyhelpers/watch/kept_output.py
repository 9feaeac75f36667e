"""The output that we keep for servers: one log each, which we turn over before it is larger than output_max.

A log that is written to wakes us once; then we look at the sizes after a pause, and ask to be woken again.  So servers
that write nothing cost nothing, and those that write a lot cost a look a pause.  What takes time is done by children,
see watch/turning.py.
"""

from __future__ import annotations

import os

from loop.modified import Modified
from spawn import output_file
from state.paths import make_private, output_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from loop.host import Home
    from proc.server import Server
    from watch.turning import Turning

FASTEST = 100_000  # bytes a millisecond: with a faster server we are late
SHORTEST_MS, LONGEST_MS = 5, 200
BLIND_MS = 1000  # how often we look if the kernel cannot wake us


class _Log:
    """The log of a server.  began: its size when the present run of the server began, as far as that is known."""

    __slots__ = ("began", "fd", "server")

    def __init__(self, server: Server, fd: int) -> None:
        self.server = server
        self.fd = fd
        self.began = os.fstat(fd).st_size


class KeptOutput:
    """The logs of the servers of one monitor, or of the one server that an operator starts without a monitor."""

    def __init__(self, host: Home) -> None:
        self._host = host
        self._directory = output_directory(host.state_dir)
        self._logs: dict[int, _Log] = {}
        self._said: set[str] = set()
        self._changes: Modified | None = None
        self._is_looking = False
        self._turning: Turning | None = None

    def descriptor(self, server: Server) -> int:
        """A descriptor of its log, to launch it with now; -1 if there is none, which we report: /dev/null must do."""
        log = self._logs.get(server.number)
        if not log or not output_file.is_there(log.fd):
            log = self._open(server)
        if not log:
            return -1
        log.began = os.fstat(log.fd).st_size
        return log.fd

    def _open(self, server: Server) -> _Log | None:
        try:
            fd = output_file.opened(self._host.state_dir, server.kept_in, server.ids)
        except OSError as error:
            self._say(server, f"its output goes to /dev/null: {self._directory}: {error.strerror}")
            return None
        if server.number in self._logs:
            os.close(self._logs[server.number].fd)
        log = self._logs[server.number] = _Log(server, fd)
        return log

    def run_of(self, server: Server) -> tuple[int, int]:
        """Where the output of its present run, or of that which has just ended, begins and ends in its log."""
        log = self._logs.get(server.number)
        if not log:
            return 0, 0
        # while a child cuts, we know only that a log that is cut has grown a lot
        is_cut = self._turning is not None and self._turning.cuts(server.number)
        return 0 if is_cut else log.began, os.fstat(log.fd).st_size

    def text(self, server: Server, begin: int, end: int) -> str:
        """The last of what is between begin and end in its log, for people."""
        if begin == end or "private" in server.launch.settings:  # a child reads it: spawn/hidden_output.py
            return ""
        from base import last_words

        begin, first = max(begin, end - last_words.MOST), begin
        try:
            raw = output_file.read(self._host.state_dir, server.kept_in, begin, end)
        except OSError:
            return ""  # someone has deleted it
        return last_words.text_of(raw, begin > first, server.secrets)

    def _say(self, server: Server, text: str) -> None:
        """Report it, each text once."""
        if f"{server.name} {text}" not in self._said:
            self._said.add(f"{server.name} {text}")
            self._host.say(server, text)

    # -- looks -----------------------------------------------------------------------------------

    def begin(self, servers: Iterable[Server]) -> None:
        """Look after the logs of these servers from now on; some may run already, and write."""
        try:
            make_private(self._directory)
            self._changes = Modified(self._host.loop, self._directory, self._written)
            names = os.listdir(self._directory)
        except OSError as error:
            self._host.say(None, f"{self._directory}: {error.strerror}; output is not kept")
            return
        for server in servers:
            if output_file.name_of(server.kept_in) in names:
                self._open(server)
        is_done = all(name.endswith((".log", ".gz", ".pipe")) for name in names)
        if not is_done:  # a child of an earlier helper was killed
            self._turn([log.server for log in self._logs.values()])
        self._look()

    def _written(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._host.loop.after(self._pause_ms(), self._look)

    def _pause_ms(self) -> float:
        """So short that a fast writer cannot write much more than output_max meanwhile."""
        least = min((log.server.output_max for log in self._logs.values() if log.server.output_max), default=0)
        return min(max(least / FASTEST, SHORTEST_MS), LONGEST_MS)

    def _look(self) -> None:
        self._is_looking = False
        is_asked = self._changes and self._changes.ask()  # before we look: what is written from now on wakes us
        if not is_asked:
            self._is_looking = True
            self._host.loop.after(BLIND_MS, self._look)
        due = [log for log in self._logs.values() if output_file.is_due(log.fd, log.server.output_max)]
        for log in due:
            self._empty_if_deleted(log)
        if due:
            self._turn([log.server for log in due])

    def _empty_if_deleted(self, log: _Log) -> None:
        """A log that someone has deleted takes room for as long as the server writes to it."""
        if not output_file.is_there(log.fd):
            os.ftruncate(log.fd, 0)
            path = f"{self._directory}/{output_file.name_of(log.server.kept_in)}"
            self._say(log.server, f"{path} was deleted: its output is lost until its next start")

    def _turn(self, servers: list[Server]) -> None:
        if not self._turning:
            from watch.turning import Turning  # most servers never print so much

            self._turning = Turning(self._host, self._directory, self._removed, self._say, self._written)
        self._turning.cut(servers)

    def _removed(self, number: int, length: int) -> None:
        """So many bytes have been cut off the head of a log."""
        log = self._logs[number]
        log.began = max(0, log.began - length)
