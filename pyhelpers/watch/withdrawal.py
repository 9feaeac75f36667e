"""Take the secrets of a server away that has been stopped, or is left alone: its copies in memory go, in a child."""

from __future__ import annotations

from loop.hand import Hand
from spawn import credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from watch.lifecycle import Life


def before_stopped(life: Life, rest: str) -> None:
    """Remove them, then send the event `stopped` with that rest."""
    begin(life, lambda: life.watcher.emit("stopped", life.server, rest))


def begin(life: Life, then: Callable[[], None] | None = None) -> None:
    """Remove them, then call then.  A run that begins meanwhile keeps its own."""
    directory, watcher = life.account.directory, life.watcher
    run = credentials.run_of(directory)

    def done(text: str) -> None:
        if text:
            watcher.say(life.server, text)
        if then:
            then()

    def late() -> None:
        done("its secrets cannot be removed in time; see that /run/monitor.sh and /dev/shm answer")

    try:
        Hand(watcher.loop, lambda: credentials.remove(directory, run), done, late)
    except OSError as error:
        done(f"its secrets cannot be removed: {error.strerror}; stop it again")
