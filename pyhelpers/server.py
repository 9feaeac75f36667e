"""One server: what conf says of it, and who it is now."""

from __future__ import annotations

import os

import identity
import vitals
from launch import Launch, LaunchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from handover import Wanted

# sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3)
OF_OUR_SUPERVISOR = "NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID LISTEN_FDS LISTEN_FDNAMES LISTEN_PID".split()
ELEMENTS = "\x1f"
FIELDS = "\x1e"


def parse_settled(lines: Iterable[str]) -> tuple[dict[str, str], list[Server]]:
    """The suite's settings and the servers, from `NAME<TAB>KEY<TAB>VALUE` lines, group by group (of conf.py)."""
    for name in OF_OUR_SUPERVISOR:
        os.environ.pop(name, None)  # what it says there is for us: servers inherit the rest
    suite: dict[str, str] = {}
    servers: list[Server] = []
    for name, settings in _groups(lines):
        if name == "-":
            suite = settings
        else:
            servers.append(Server(len(servers) + 1, name, settings))
    return suite, servers


def _groups(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """One name's settings at a time: a thousand servers' at once would leave their room behind for ever."""
    current = ""
    settings: dict[str, str] = {}
    for line in lines:
        name, key, value = line.rstrip("\n").split("\t", 2)
        if name != current:
            if settings:
                yield current, settings
            current, settings = name, {}
        settings[key] = value
    if settings:
        yield current, settings


_known: dict[str, list[str]] = {"": []}


def elements(value: str) -> list[str]:
    """The elements of a settled list: not to be changed, servers of the same setting share it."""
    if value not in _known:
        _known[value] = value.split(ELEMENTS)
    return _known[value]


def _ends(name: str, settings: dict[str, str]) -> Wanted | None:
    """Most servers have none, and do not pay for a module."""
    if not settings["sockets"] + settings["channels"] and "scm" != settings["fd_passing"]:
        if settings.get("heartbeat") != "channel":
            return None
    import handover

    return handover.Wanted(name, settings)


_real_parents: dict[str, str] = {}


def _real(directory: str) -> str:
    """As os.path.realpath; a thousand servers beside each other have the way to them followed once."""
    parent, _, name = directory.rpartition("/")
    if name in ("", ".", "..") or os.path.islink(directory):
        return os.path.realpath(directory)
    if parent not in _real_parents:
        _real_parents[parent] = os.path.realpath(parent or "/")
    return os.path.join(_real_parents[parent], name)


class Server:
    """Settings (durations in ms), and the identity of the living one: pid 0 while there is none.

    pidfd: watched while it lives; sid: its session, if that was made for it, else 0;
    kids: pid -> start ticks of an adopted server's children, as last seen; vital: settings of its vitals;
    ends: the descriptors that its watcher holds for it, if any.
    """

    __slots__ = (
        "argv directory ends kids last_exit launch logs match memory message mode name needs needs_file number oldlog "
        "oldlog_keep pid pidfd port program restarts sid source sources start_ms state stop stop_tree ticks "
        "timeout_ms user vital"
    ).split()

    def __init__(self, number: int, name: str, settings: dict[str, str]) -> None:
        self.number = number
        self.name = name
        self.directory = _real(settings["dir"])
        self.argv = settings["command"].split(ELEMENTS)
        self.match = settings["match"].split(ELEMENTS)
        self.needs = elements(settings["needs"])
        self.needs_file = elements(settings["needs_file"])
        self.port = int(settings["port"] or 0)
        self.sources = [source.split(FIELDS) for source in elements(settings["pid_from"])]
        self.start_ms = int(settings["start_seconds"])
        self.timeout_ms = int(settings["start_timeout"])
        self.stop = elements(settings["stop"])
        self.stop_tree = settings["stop_tree"] == "1"
        self.logs = elements(settings["logs"])
        self.oldlog = settings["oldlog"]
        self.oldlog_keep = settings["oldlog_keep"]
        self.user = settings["user"]
        self.vital = vitals.wanted(settings)
        self.ends = _ends(name, settings)
        if self.ends and self.ends.scm:
            self.argv = self.ends.argv_of(self.argv)
        self.launch = self._launch(settings)
        self.launch.told = not self.ends or not self.ends.scm
        self.program = self._program()
        self.pid = self.ticks = self.sid = 0
        self.source = self.mode = ""
        self.pidfd = -1
        self.kids: dict[int, int] = {}
        self.state = "UNKNOWN"
        self.restarts = 0
        self.memory = "-"
        self.last_exit = ""
        self.message = ""

    def _launch(self, settings: dict[str, str]) -> Launch:
        launch = Launch(self.argv, self.directory, settings["output"] or "/dev/null")
        if settings["umask"]:
            launch.umask = int(settings["umask"], 8)
        if settings["environment"]:
            launch.environment = dict(launch.environment)
            launch.environment.update(pair.partition("=")[::2] for pair in elements(settings["environment"]))
        launch.settings = {key: settings[key] for key in Launch.SETTINGS if settings[key]}
        if settings["no_new_privileges"] == "0":
            del launch.settings["no_new_privileges"]
        return launch

    def _program(self) -> str:
        """Where the program is (or will be): what exe is compared with."""
        try:
            return self.launch.program()
        except LaunchError:
            return os.path.join(self.directory, self.argv[0])

    def is_now(self, process: identity.Process, source: str, mode: str) -> None:
        """Take this process for the server.  source: own pidfile log scan; mode: launched adopted."""
        self.pid, self.ticks = process.pid, process.ticks
        # Another one's session may be that of the terminal it was started from: only a leader's is its own
        self.sid = process.sid if mode == "launched" or process.sid == process.pid else 0
        self.source, self.mode = source, mode
        self.kids = {}

    def incident(self) -> str:
        """A name for the death of the present process: the same for whoever finds it dead."""
        return f"{self.name}-{self.pid}-{self.ticks}"

    def words_are_default(self) -> bool:
        """Was `match` left to the program's own name?"""
        return self.match == [os.path.basename(self.argv[0])]
