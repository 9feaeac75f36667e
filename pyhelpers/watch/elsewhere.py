"""Read the last words of servers in children, a few at a time: of those that do not print into a log of ours, and of
those whose secrets must be starred, which only a child may know."""

from __future__ import annotations

from loop.hand import Hand
from state.paths import server_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Home
    from proc.server import Server

    Where = tuple[int, float, tuple[int, int], bool]  # as for text_of() in spawn/last_output.py

MOST_AT_ONCE = 4
PATIENCE_MS = 1000  # what waits for the words cannot wait longer


class Elsewhere:
    """The children that read."""

    def __init__(self, host: Home) -> None:
        self._host = host
        self._waiting: list[Callable[[], None]] = []
        self._running = 0

    def read(self, server: Server, kept: tuple[int, int], run: Where, then: Callable[[str], None]) -> None:
        """Pass its last words of that run to then; "" if there are none.  kept: where they are in our log."""
        state_dir = self._host.state_dir
        ids = None if "private" in server.launch.settings else server.ids

        def work() -> str:
            from spawn import hidden_output, last_output  # only the child needs them

            if "private" in server.launch.settings:
                directory = server_directory(state_dir, server.kept_in)
                return hidden_output.text_of(server, state_dir, directory, kept, run)
            return last_output.text_of(server, *run)

        def end(text: str) -> None:
            self._running -= 1
            then(text)
            self._next()

        def begin() -> None:
            try:
                Hand(self._host.loop, work, end, lambda: end(""), ids, PATIENCE_MS)
            except OSError:
                end("")  # no process can be made

        self._waiting.append(begin)
        self._next()

    def _next(self) -> None:
        if self._waiting and self._running < MOST_AT_ONCE:
            self._running += 1
            self._waiting.pop(0)()
