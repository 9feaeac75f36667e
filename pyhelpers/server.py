"""One server: what conf says of it, and who it is now."""

from __future__ import annotations

import os

import identity
from daeml import Launch, LaunchError

ELEMENTS = "\x1f"
FIELDS = "\x1e"


def parse_settled(text: str) -> tuple[dict[str, str], list[Server]]:
    """The suite's settings and the servers, from `NAME<TAB>KEY<TAB>VALUE` lines (conf.py makes them)."""
    groups: dict[str, dict[str, str]] = {}
    for line in text.rstrip("\n").split("\n"):  # splitlines would also split at the separators
        name, key, value = line.split("\t", 2)
        groups.setdefault(name, {})[key] = value
    suite = groups.pop("-", {})
    return suite, [Server(number, name, settings) for number, (name, settings) in enumerate(groups.items(), 1)]


def elements(value: str) -> list[str]:
    """The elements of a settled list."""
    return value.split(ELEMENTS) if value else []


class Server:
    """Settings (durations in ms), and the identity of the living one: pid 0 while there is none.

    pidfd: watched while it lives; sid: its session, if that was made for it, else 0;
    kids: pid -> start ticks of an adopted server's children, as last seen.
    """

    def __init__(self, number: int, name: str, settings: dict[str, str]) -> None:
        self.number = number
        self.name = name
        self.directory = os.path.realpath(settings["dir"])
        self.argv = elements(settings["command"])
        self.match = elements(settings["match"])
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
        self.launch = self._launch(settings)
        self.program = self._program()
        self._forget_identity()
        self.state = "UNKNOWN"
        self.restarts = 0
        self.memory = "-"
        self.last_exit = ""
        self.message = ""

    def _launch(self, settings: dict[str, str]) -> Launch:
        launch = Launch(self.argv, self.directory, settings["output"] or "/dev/null")
        if settings["umask"]:
            launch.umask = int(settings["umask"], 8)
        launch.environment.update(pair.partition("=")[::2] for pair in elements(settings["environment"]))
        launch.settings = {key: settings[key] for key in Launch.SETTINGS}
        launch.settings["no_new_privileges"] = settings["no_new_privileges"].strip("0")
        return launch

    def _program(self) -> str:
        """Where the program is (or will be): what exe is compared with."""
        try:
            return self.launch.program()
        except LaunchError:
            return os.path.join(self.directory, self.argv[0])

    def _forget_identity(self) -> None:
        self.pid = self.ticks = self.sid = 0
        self.source = self.mode = ""
        self.pidfd = -1
        self.kids: dict[int, int] = {}

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
