"""Turn the kept logs over, in children: they cut logs for as long as these grow fast, and compress what was cut."""

from __future__ import annotations

from loop.hand import Hand
from loop.loop import lines_of
from spawn import output_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Home
    from proc.server import Server
    from spawn.cutting import Kept

PATIENCE_MS = 120_000
AGAIN_MS = 1000  # if no process can be made


class Turning:
    """For the logs of one directory.

    removed: is told the server's number and the bytes that were cut off its log; say: reports a remark on a server;
    look: is called when the sizes may have changed.
    """

    def __init__(
        self,
        host: Home,
        directory: str,
        removed: Callable[[int, int], None],
        say: Callable[[Server, str], None],
        look: Callable[[], None],
    ) -> None:
        self._host = host
        self._directory = directory
        self._removed = removed
        self._say = say
        self._look = look
        self._being_cut: set[int] = set()
        self._is_packing = False
        self._to_pack: dict[int, Server] = {}

    def cuts(self, number: int) -> bool:
        """Does a child cut the log of that server?"""
        return number in self._being_cut

    def cut(self, servers: list[Server]) -> None:
        """Have a child cut these logs, and stay with them while they grow fast, unless another one does."""
        fresh = {server.number: server for server in servers if server.number not in self._being_cut}
        if not fresh:
            return
        kept, directory = [_kept(server) for server in fresh.values()], self._directory
        self._being_cut.update(fresh)

        def rest() -> None:
            self._being_cut.difference_update(fresh)
            self._look()

        def ended(text: str) -> None:
            self._tell(text, fresh)
            rest()
            self._to_pack.update(fresh)
            self._pack()

        self._hand(lambda: _cut_all(directory, kept), ended, rest, "turning over")

    def _pack(self) -> None:
        if not self._to_pack or self._is_packing:
            return
        servers, directory = self._to_pack, self._directory
        kept = [_kept(server) for server in servers.values()]
        self._to_pack, self._is_packing = {}, True

        def rest() -> None:
            self._is_packing = False
            self._pack()

        def ended(text: str) -> None:
            self._tell(text, servers)
            rest()

        self._hand(lambda: _pack_all(directory, kept), ended, rest, "compressing")

    def _tell(self, text: str, servers: dict[int, Server]) -> None:
        """Report the remarks of a child, see spawn/cutting.py."""
        for line in lines_of(text):
            number, _, remark = line.partition(" ")
            if remark.isdigit():
                self._removed(int(number), int(remark))
            elif remark:
                self._say(servers[int(number)], remark)

    def _hand(
        self, work: Callable[[], str], done: Callable[[str], None], failed: Callable[[], None], what: str
    ) -> None:
        def late() -> None:
            self._host.say(None, f"{self._directory}: {what} takes more than {PATIENCE_MS // 1000}s; tried again")
            failed()

        try:
            Hand(self._host.loop, work, done, late, patience_ms=PATIENCE_MS)
        except OSError:
            self._host.loop.after(AGAIN_MS, failed)


def _kept(server: Server) -> Kept:
    return server.number, output_file.name_of(server.kept_in), server.output_max, server.output_keep


def _cut_all(directory: str, kept: list[Kept]) -> str:
    from spawn import cutting  # in the child only: it imports ctypes

    return cutting.cut_all(directory, kept)


def _pack_all(directory: str, kept: list[Kept]) -> str:
    from spawn import cutting

    return cutting.pack_all(directory, kept)
