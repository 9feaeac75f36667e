"""What a part of the watcher may ask of the whole.  For type checkers only: imported where TYPE_CHECKING is true.

A part that takes a Host also works under another one: an order without a monitor has its own (operate/standalone.py),
and so may a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from loop.batched_scan import Walk
    from loop.loop import Loop
    from proc.identity import Process
    from proc.server import Server


class Host(Protocol):
    """What hosts the servers: the loop, what is known of all of them, and a way to tell people.

    shared: what parts of several servers have in common, by the name of the part.
    """

    loop: Loop
    shared: dict[str, object]

    @property
    def followed(self) -> Container[int]:
        """Pids of the living servers."""

    @property
    def leftovers(self) -> Walk:
        """Searches for what a server's last process left, where that was not our child; by the server's number."""

    def emit(self, word: str, server: Server | None, rest: str) -> None:
        """Send an event to the shell, see watch/messages.py."""

    def say(self, server: Server | None, text: str) -> None:
        """Tell a person."""

    def orphans(self, sid: int = 0) -> Iterable[Process]:
        """Our children that we did not make; sid: 0, or leave out those of other sessions that are being ended."""


class Account(Protocol):
    """What is written down of one server: see watch/journal.py."""

    directory: str
    want: str
    ending: str

    def write(self) -> None:
        """Write it down now."""

    def say_all(self, topic: str, remarks: list[str]) -> None:
        """Tell a person each of these remarks once, for as long as the topic has it."""


class Verdict(Protocol):
    """Where it is told that a living server does not serve: see health/health.py."""

    def hung(self, text: str) -> None:
        """It does not serve."""

    def limit(self, key: str, text: str, action: str) -> None:
        """It is over the limit of this key; action: alert restart."""

    def cleared(self, key: str, text: str) -> None:
        """That is over; key may be `hung`."""

    def remark(self, who: object, text: str) -> None:
        """What status shows of who says so; "" for nothing."""


class Followed(Protocol):
    """One server as the parts see that watch over it: see watch/lifecycle.py."""

    server: Server
    phase: str

    @property
    def account(self) -> Account:
        """What is written down of it."""

    @property
    def health(self) -> Verdict:
        """Where to tell that it does not serve."""

    @property
    def watcher(self) -> Home:
        """Whose server it is."""

    def tell(self, word: str, rest: str) -> None:
        """Send an event that must be answered."""

    def end_process(self, steps: Sequence[str], done: Callable[[list[int]], None]) -> None:
        """End the process by these steps; its death is then an event like any other.

        done: gets the pids that outlive all steps.
        """

    def look_now(self) -> None:
        """Something of it has changed."""

    def extend(self, milliseconds: float) -> None:
        """It asks for so much time from now, to start or to end."""

    def follow(self, process: Process, source: str, mode: str, made: int = 0) -> bool:
        """Take this process for the server; False: it has ended by now."""

    def adopt(self, process: Process, source: str, word: str = "adopted", made: int = 0) -> bool:
        """Follow a process that we did not start."""


class Home(Host, Protocol):
    """The resident helper: a Host with a place on disk, which lives until its monitor ends."""

    boot: str
    state_dir: str
    run_dir: str
    interval_ms: int

    @property
    def lives(self) -> Sequence[Followed]:
        """All its servers, by their numbers from 1."""

    @property
    def held(self) -> Store | None:
        """The descriptors that it holds for servers."""


class Store(Protocol):
    """What is held: see fdstore/store.py."""

    def ours(self, name: str) -> int:
        """Our end of a server's daemon socket, -1: there is none."""
