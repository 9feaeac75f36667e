"""What a part of the watcher may use of the whole.  For type checkers only: imported if TYPE_CHECKING is true.

A part that takes a Host or a Supervisor also works under another one: an order without a monitor has its own
(operate/alone.py), and so may a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, MutableMapping, Sequence

    from loop.batched_scan import Walk
    from loop.leftovers import Dead
    from loop.loop import Loop
    from proc.identity import Process
    from proc.server import Server


class Reaper(Protocol):
    """A process that waits in a loop and is the parent of its orphaned descendants.

    shared: the objects that several parts share, by the name of the part.
    """

    loop: Loop
    shared: dict[str, object]

    @property
    def followed(self) -> Container[int]:
        """Pids of the living servers."""

    def orphans(self, sid: int = 0, listed: bool = False) -> Iterable[Process]:
        """Our children that we did not make: orphans of the servers; see loop/descendants.py.

        sid: 0, or the only session that matters.  listed: those that this turn of the loop has listed are enough.
        """


class Host(Reaper, Protocol):
    """What hosts the servers: the loop, the state that servers share, and a way to inform people."""

    @property
    def leftovers(self) -> Walk:
        """The search, by server number, for what a server's last process left, if that process was not our child."""

    def emit(self, word: str, server: Server | None, rest: str) -> None:
        """Send an event to the shell, see watch/messages.py."""

    def say(self, server: Server | None, text: str) -> None:
        """Tell a person."""


class Account(Protocol):
    """The record of one server: see watch/journal.py."""

    directory: str
    want: str
    ending: str
    beats: str

    def write(self) -> None:
        """Write the record now."""

    def say_all(self, topic: str, remarks: list[str]) -> None:
        """Report each of these remarks once, for as long as the topic has it."""


class Verdict(Protocol):
    """Receives the findings about a living server: see health/health.py."""

    def hung(self, text: str) -> None:
        """The server does not serve."""

    def limit(self, key: str, text: str, action: str) -> None:
        """The server exceeds the limit of this key; action: alert restart."""

    def cleared(self, key: str, text: str) -> None:
        """That problem is over; key may be `hung`."""

    def is_reported(self, key: str) -> bool:
        """Is that problem of this process reported already, perhaps through an earlier watcher?"""

    def remark(self, who: object, text: str) -> None:
        """Set the text that status shows from this source; "" for none."""


class Followed(Protocol):
    """One server, as its vitals see it: see watch/lifecycle.py."""

    server: Server
    phase: str

    @property
    def account(self) -> Account:
        """Its record."""

    @property
    def health(self) -> Verdict:
        """The receiver of findings about it."""

    @property
    def watcher(self) -> Home:
        """The watcher of this server."""

    def tell(self, word: str, rest: str) -> None:
        """Send an event that the shell must answer."""

    def end_process(self, steps: Sequence[str], done: Callable[[list[int]], None]) -> None:
        """End the process by these steps; its death is then an ordinary event.

        done: gets the pids that survive all steps.
        """

    def look_now(self) -> None:
        """Something about it has changed: look now."""

    def extend(self, milliseconds: float) -> None:
        """The server asks for so much time from now, to start or to end."""

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
        """All its servers, in the order of their numbers, which begin at 1."""

    @property
    def held(self) -> Store | None:
        """The descriptors that it holds for servers."""


class Store(Protocol):
    """The descriptors that are held: see fdstore/store.py."""

    def ours(self, name: str) -> int:
        """Our end of a server's daemon socket; -1: there is none."""

    def inodes(self, server: Server) -> set[int]:
        """The inodes of the listening sockets that are held for this server."""

    def hand_over(self, server: Server) -> list[tuple[str, int]]:
        """Name and descriptor of each one that its next process must have.  Raises Refused."""

    def hand_beside(self, server: Server) -> list[tuple[str, int]]:
        """The same for a process beside one that has them and goes on.  Raises Refused."""

    def mend(self, server: Server) -> str:
        """One of two processes of this server has ended, which may have shut its sockets down.

        Returns why it must be restarted; "" if it need not be.
        """

    def left(self, server: Server, state: str) -> None:
        """This server will not be started for now."""


class KeptOutput(Protocol):
    """The logs that are kept for servers: see watch/kept_output.py."""

    def descriptor(self, server: Server) -> int:
        """A descriptor of its log, to launch it with; -1: there is none."""

    def run_of(self, server: Server) -> tuple[int, int]:
        """Where the output of its present run begins and ends in its log."""

    def text(self, server: Server, begin: int, end: int) -> str:
        """The last of what is between them, for people."""


class LastWords(Protocol):
    """What servers printed last: see watch/last_words.py."""

    def ended(self, server: Server, dead: Dead, incident: str, is_young: bool = False) -> None:
        """Its process has ended; is_young: soon after its start."""

    def failed(self, server: Server, ticks: int, then: Callable[[str], None], said: str | None = None) -> None:
        """A start has failed: why, by what it printed?  `: REASON`, and who has its port, or "".

        said: what start_pre printed.
        """

    def not_started(self, server: Server, text: str) -> None:
        """A start has failed, for the reason that this text gives; it is being told."""

    def reason(self, server: Server, later: Callable[[str], None]) -> str:
        """Why it does not run: `: REASON`, or "" if that is not known yet."""


class Supervisor(Home, Protocol):
    """Starts servers and follows them: the watcher as long as they live, an operator's command for one start.

    monitor: the pid of the monitor that we belong to; "" for none.
    """

    monitor: str
    psutil_home: str

    @property
    def kept_output(self) -> KeptOutput:
        """The logs that it keeps for servers."""

    @property
    def last_words(self) -> LastWords:
        """What servers printed last."""

    def unread(self) -> bool:
        """Has the shell not yet read all that we sent?"""

    @property
    def directories(self) -> Collection[str]:
        """The directories of all servers, so that no server is taken for another."""

    @property
    def followed(self) -> MutableMapping[int, Followed]:
        """The living servers by pid."""

    def want_scan(self, life: Followed, absent: Callable[[], None]) -> None:
        """Search the process table for it and adopt what is found; call absent if it is not there."""

    def oom_struck(self) -> bool:
        """Has the kernel killed a process to free memory since the last call?"""

    def tidy_soon(self, life: Followed) -> None:
        """Tidy its oldlog soon, outside the loop."""

    def history_tells(self, incident: str) -> bool:
        """Does history.jsonl have this death already?"""
