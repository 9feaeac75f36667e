"""What a part of the watcher may ask of the whole.  For type checkers only: imported where TYPE_CHECKING is true.

A part that takes a Host or a Supervisor also works under another one: an order without a monitor has its own
(operate/alone.py), and so may a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, MutableMapping, Sequence

    from loop.batched_scan import Walk
    from loop.loop import Loop
    from proc.identity import Process
    from proc.server import Server


class Reaper(Protocol):
    """A process that waits in a loop and is the parent of its orphaned descendants."""

    loop: Loop

    def orphans(self, sid: int = 0) -> Iterable[Process]:
        """Our children that we did not make: they descend from those.  sid: 0, or the only session that matters."""


class Host(Reaper, Protocol):
    """What hosts the servers: the loop, what is known of all of them, and a way to tell people.

    shared: what parts of several servers have in common, by the name of the part.
    """

    shared: dict[str, object]

    @property
    def followed(self) -> Container[int]:
        """Pids of the living servers."""

    @property
    def sessions(self) -> Walk:
        """Look-ups of the members of a session, by its number."""

    def emit(self, word: str, server: Server | None, rest: str) -> None:
        """Send an event to the shell, see watch/messages.py."""

    def say(self, server: Server | None, text: str) -> None:
        """Tell a person."""


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

    def follow(self, process: Process, source: str, mode: str) -> bool:
        """Take this process for the server; False: it has ended by now."""

    def adopt(self, process: Process, source: str, word: str = "adopted") -> bool:
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

    def inodes(self, server: Server) -> set[int]:
        """Of the listening sockets that are held for it."""

    def hand_over(self, server: Server) -> list[tuple[str, int]]:
        """Name and descriptor of each that its next process is to have.  Raises Refused."""

    def left(self, server: Server, state: str) -> None:
        """It is not to be started for now."""


class Supervisor(Home, Protocol):
    """What starts servers and follows them: the watcher as long as they live, an operator's command for one start.

    monitor: the pid of the monitor that we belong to, "" for none.
    """

    monitor: str
    psutil_home: str

    def unread(self) -> bool:
        """Has the shell still to read what was sent?"""

    @property
    def directories(self) -> Collection[str]:
        """The directories of all servers, so that one of theirs is not taken for another."""

    @property
    def followed(self) -> MutableMapping[int, Followed]:
        """The living servers by pid."""

    def want_scan(self, life: Followed, absent: Callable[[], None]) -> None:
        """Look for it in the process table and have it adopt what is found; absent: it is not there."""

    def oom_struck(self) -> bool:
        """Has the kernel killed for want of memory since this was last asked?"""

    def tidy_soon(self, life: Followed) -> None:
        """Have its oldlog carried over and pruned, outside the loop."""

    def history_tells(self, incident: str) -> bool:
        """Does history.jsonl have this death already?"""
