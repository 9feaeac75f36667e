"""Crash evidence (`core = keep N`): where the core of a dead process is, and the frames of the thread that crashed.

Both come from children, one at a time each, when the restart is on its way.  The alert of a death waits for neither: it
has the core if that is found by then.  The frames follow in an event, and an alert, of their own.
"""

from __future__ import annotations

from collections import deque

from base import files
from base.programs import LaunchError
from loop.hand import Hand
from proc.cause import SIGNALS
from state import printed
from state.paths import server_directory
from state.printed import BACKTRACE, CORE
from watch import core_search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.ids import Ids
    from loop.host import Home
    from proc.server import Server
    from watch.core_search import Kept

DUMPING = frozenset("QUIT ILL TRAP ABRT BUS FPE SEGV XCPU XFSZ SYS".split())  # signal(7)
SEARCH_AFTER_MS = 20  # a restart takes less
FIND_MS, TRACE_MS = 10_000, 30_000
MOST_WAITING = 20  # of a crowd that dies at once
LIST = "cores"  # in the server's directory: those that are kept
COREDUMP = "systemd-coredump"


def is_dumping(how: str) -> bool:
    """Does the kernel write a core after this end?"""
    return how.startswith("signal ") and how.split()[1] in DUMPING


class _Death:
    """A crash.  incident: - for the one that is open in the shell; path, frames: of its core, once they are known."""

    def __init__(self, server: Server, pid: int, incident: str, how: str) -> None:
        self.server, self.pid, self.incident, self.how = server, pid, incident, how
        self.path = ""
        self.frames = ""
        self.core: Kept | None = None

    def rest(self) -> str:
        """What its events have: see watch/messages.py."""
        return f"{self.pid} {self.incident} {self.server.kept_in} {self.how}"


def crashed(host: Home, server: Server, pid: int, incident: str) -> None:
    """Its process has ended, as server.last_exit says: if that leaves a core, look for it.  incident: as of _Death."""
    if host.run_dir and is_dumping(server.last_exit):  # an operator's command ends before its core is found
        _cores(host).crashed(_Death(server, pid, incident, server.last_exit))


def of(host: Home, server: Server, event: str, pid: str) -> tuple[str, str]:
    """Path of the core and the frames that an alert of this event brings along; pid "": not known."""
    return _cores(host).of(server, pid) if event in ("death", "give_up", "core") else ("", "")


def _cores(host: Home) -> Cores:
    cores = host.shared.setdefault("cores", Cores(host))
    assert isinstance(cores, Cores)
    return cores


class Cores:
    """Of all servers of a monitor."""

    def __init__(self, host: Home) -> None:
        self._host = host
        self._latest: dict[int, _Death] = {}
        self._to_find: deque[_Death] = deque(maxlen=MOST_WAITING)
        self._to_trace: deque[_Death] = deque(maxlen=MOST_WAITING)
        self._is_finding = self._is_tracing = False
        self._said: set[str] = set()

    def crashed(self, death: _Death) -> None:
        """Look for this core soon."""
        self._latest[death.server.number] = death
        self._host.loop.after(SEARCH_AFTER_MS, lambda: self._queue(death))

    def of(self, server: Server, pid: str) -> tuple[str, str]:
        """Path of the core and the frames of the latest crash, if it was of that process; pid "": of any."""
        death = self._latest.get(server.number)
        return (death.path, death.frames) if death and pid in ("", str(death.pid)) else ("", "")

    # -- the core --------------------------------------------------------------------------------

    def _queue(self, death: _Death) -> None:
        self._to_find.append(death)
        self._find()

    def _find(self) -> None:
        if self._is_finding or not self._to_find:
            return
        death = self._to_find.popleft()
        kept = core_search.parsed(_content(self._list_of(death.server)))
        self._is_finding = self._hand(
            lambda: _search(death, kept), lambda text: self._has_found(death, text), death.server.ids, FIND_MS
        )

    def _list_of(self, server: Server) -> str:
        return f"{server_directory(self._host.state_dir, server.kept_in)}/{LIST}"

    def _has_found(self, death: _Death, text: str) -> None:
        self._is_finding = False
        why, _, lines = text.partition("\n")
        if lines:
            death.core = core_search.parsed(lines)[-1]
            self._remember(death.server, lines)
            self._report(death, death.core.path)
        elif COREDUMP in why:
            self._to_trace.append(death)
        elif why:
            self._say_once(death.server, f"no core of pid {death.pid}: {why}", why)
        self._trace()
        self._find()

    def _remember(self, server: Server, lines: str) -> None:
        try:
            files.replace(self._list_of(server), lines)
        except OSError as error:
            self._say_once(server, f"{self._list_of(server)}: {error.strerror}; its cores are not counted", "list")

    def _say_once(self, server: Server, text: str, why: str) -> None:
        if f"{server.name} {why}" not in self._said:
            self._said.add(f"{server.name} {why}")
            self._host.say(server, text)

    def _report(self, death: _Death, path: str) -> None:
        death.path = path
        if self._write(CORE, death, path):
            self._host.emit("core", death.server, death.rest())
        self._to_trace.append(death)

    def _write(self, name: str, death: _Death, text: str) -> bool:
        """Write the text for the shell; False: the disk is full, and history would not take it either."""
        try:
            printed.write(self._host.state_dir, death.server.kept_in, text, death.incident, name)
        except OSError:
            return False
        return True

    # -- the frames ------------------------------------------------------------------------------

    def _trace(self) -> None:
        if self._is_tracing or not self._to_trace:
            return
        death = self._to_trace.popleft()
        ids = death.server.ids if death.core else None  # coredumpctl is asked as ourselves
        self._is_tracing = self._hand(
            lambda: _frames_of(death), lambda text: self._has_traced(death, text), ids, TRACE_MS
        )

    def _has_traced(self, death: _Death, text: str) -> None:
        self._is_tracing = False
        path, _, death.frames = text.partition("\n")
        if not death.path and path:
            death.path = path
            if self._write(CORE, death, path):
                self._host.emit("core", death.server, death.rest())
        if death.path and self._write(BACKTRACE, death, death.frames):
            self._host.emit("backtrace", death.server, death.rest())
        self._trace()

    def _hand(self, work: Callable[[], str], done: Callable[[str], None], ids: Ids | None, patience_ms: float) -> bool:
        """Begin a child; False: none can be made.  A late one has found nothing."""
        try:
            Hand(self._host.loop, work, done, lambda: done(""), ids, patience_ms)
        except OSError:
            return False
        return True


def _content(path: str) -> str:
    """Of the list of cores; "" if there is none yet."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as source:
            return source.read()
    except OSError:
        return ""


def _search(death: _Death, kept: list[Kept]) -> str:
    """In a child: a line that is empty or says why there is no core, then the list of those that are kept."""
    server = death.server
    number = SIGNALS.index(death.how.split()[1])
    found = core_search.find(server.directory, death.pid, number, server.owner, server.ids)
    if isinstance(found, str):
        return found
    others = [core for core in kept if core.path != found.path]
    return "\n" + "".join(core.line() for core in core_search.bound([*others, found], server.core_keep, server.ids))


def _frames_of(death: _Death) -> str:
    """In a child: the path of the core, and, behind it, the lines of its frames."""
    from watch import backtrace

    server = death.server
    if "private" in server.launch.settings:
        backtrace.hide_arguments()
    if not death.core:
        return "\n".join(backtrace.by_coredumpctl(death.pid, server.secrets))
    if not backtrace.is_there("gdb"):
        return death.path
    try:
        fd = core_search.opened(death.core, server.ids)
        return f"{death.path}\n{backtrace.of_core(fd, server.launch.program(), server.secrets)}"
    except (OSError, LaunchError):
        return death.path
