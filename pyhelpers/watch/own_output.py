"""Turn over the files of `output = FILE`, as the users of their servers, as the logs that we keep are turned over.

The kernel does not wake us for a directory that is not ours, so we look at the size every interval, and more often the
faster a file grows.  A child does the rest.  We cut only the file that the living process appends to: its descriptor 1
must be that very file, opened with O_APPEND.
"""

from __future__ import annotations

import os
import stat

from base import mounts
from loop.hand import Hand
from loop.loop import lines_of
from spawn import output_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from loop.host import Followed, Home
    from proc.server import Server

SHORTEST_MS = 100
PATIENCE_MS = 120_000


def begin(host: Home, lives: Iterable[Followed]) -> None:
    """Look after the files of these servers, of those that have one."""
    for life in lives:
        server = life.server
        if not server.keeps_output and server.output_max and not server.launch.output.startswith("/dev/"):
            host.loop.after(host.interval_ms, _Own(host, server).look)


class _Own:
    """The file of one server."""

    def __init__(self, host: Home, server: Server) -> None:
        self._host = host
        self._server = server
        self._size = 0
        self._pause_ms: float = host.interval_ms
        self._said = ""
        self._hand: Hand | None = None

    def look(self) -> None:
        """Is it time to turn the file over?  Look again later."""
        status = self._status()
        size = output_file.allocated(status) if status else 0
        self._pause_ms = self._next_pause(size)
        self._size = size
        self._host.loop.after(self._pause_ms, self.look)
        if status and size >= output_file.due_at(self._server.output_max):
            self._cut(status)

    def _next_pause(self, size: int) -> float:
        """In milliseconds: until it would be full at the rate of the last pause, half of that."""
        grown, room = size - self._size, self._server.output_max - size
        longest = float(self._host.interval_ms)
        return longest if grown <= 0 else min(max(self._pause_ms * room / grown / 2, SHORTEST_MS), longest)

    def _status(self) -> os.stat_result | None:
        """Of the file that the living process appends to, if that is a file that answers."""
        pid = self._server.pid
        try:
            if not pid or mounts.are_above(os.readlink(f"/proc/{pid}/fd/1")):
                return None
            with open(f"/proc/{pid}/fdinfo/1") as source:
                flags = next((line.split()[1] for line in source if line.startswith("flags:")), "0")
            status = os.stat(f"/proc/{pid}/fd/1")
        except OSError:
            return None  # it has just ended, or has closed its standard output
        return status if stat.S_ISREG(status.st_mode) and int(flags, 8) & os.O_APPEND else None

    def _cut(self, status: os.stat_result) -> None:
        if self._hand and self._hand.is_there:
            return
        server, which = self._server, (status.st_dev, status.st_ino)
        try:
            self._hand = Hand(
                self._host.loop,
                lambda: _work(server, which),
                self._has_cut,
                lambda: self._say(
                    f"{server.launch.output}: turning over takes more than {PATIENCE_MS // 1000}s; tried again"
                ),
                server.ids,
                PATIENCE_MS,
            )
        except OSError:
            pass  # no process: the next look tries again

    def _has_cut(self, text: str) -> None:
        for line in lines_of(text):
            remark = line.partition(" ")[2]
            if not remark.isdigit():
                self._say(remark)
                continue
            launch = self._server.launch
            launch.output_began = max(0, launch.output_began - int(remark))

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._host.say(self._server, text)


def _work(server: Server, which: tuple[int, int]) -> str:
    from spawn import cutting  # in the child only: it imports ctypes

    directory, _, name = server.launch.output.rpartition("/")
    kept = [(server.number, name, server.output_max, server.output_keep)]
    if not cutting.may_cut(directory, name, which):
        return f"{server.number} {server.launch.output}: not turned over: others may change its directory\n"
    return cutting.cut_all(directory, kept) + cutting.pack_all(directory, kept)
