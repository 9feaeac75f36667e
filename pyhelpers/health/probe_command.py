"""Is the server well according to a command of the user?  Exit status 0 means yes.

It runs as the server's user in the server's directory, within the bounds of loop/run_limited.py.
"""

from __future__ import annotations

import os

from base.programs import LaunchError
from config.launch_settings import Launch
from loop.run_limited import Bounds, Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from health.active_check import Check
    from proc.server import Server

BOUNDS = Bounds(kept=1 << 12, steps=["KILL"], rest_ms=1)
SHOWN = 160  # letters of the first line of its output
SETTINGS = ("user", "group", "no_new_privileges")
OURS_ALONE = ("NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")  # meant for the server alone: a check must not answer to these


class CommandProbe:
    """Runs the command; calls check.passed(), failed() or unable()."""

    def __init__(self, check: Check, argv: Sequence[str]) -> None:
        self._check = check
        self._argv = list(argv)
        self._run: Run | None = None
        self._is_due = False  # it must begin as soon as the last run is gone
        self.awaited = "answer"

    def name(self) -> str:
        """The program."""
        return os.path.basename(self._argv[0])

    def begin(self) -> None:
        """Run it as soon as the run before it is gone: we killed that one, but it may be stuck in the kernel."""
        self._is_due = self._run is not None
        if self._is_due:
            return
        what = launch_beside(self._check.life.server, self._argv)
        try:
            self._run = Run(self._check.home, what, BOUNDS, self._ended, self._gone)
        except LaunchError as refused:
            self._check.unable(refused.reason)
        except OSError as error:
            self._check.unable(error.strerror or "")

    def _ended(self, why: str, output: str, refused: LaunchError | None) -> None:
        assert self._run
        self._run.end()  # end what it left running
        if refused:
            self._check.unable(refused.reason)
        elif why:  # else it was end() that ended it
            self.judge(why, output.strip().partition("\n")[0][:SHOWN].rstrip())

    def _gone(self) -> None:
        self._run = None
        if self._is_due:
            self.begin()

    def judge(self, why: str, said: str) -> None:
        """Judge by how it ended, and by the first line of its output."""
        if why == "exit 0":
            self._check.passed()
        else:
            self._check.failed(f"{why}: {said}" if said else why)

    def end(self) -> None:
        """Its time is over: end it."""
        self._is_due = False
        if self._run:
            self._run.end()


class CurlProbe(CommandProbe):
    """Asks for a URL that needs TLS or a look-up of a name: curl does both, and neither blocks our loop."""

    def __init__(self, check: Check, url: str, wanted: int, seconds: float) -> None:
        as_it_is = ["--disable", "--globoff"]  # ignore ~/.curlrc; {} and [] are no list
        format_ = ["--output", os.devnull, "--write-out", "%{http_code}", "--max-time", f"{seconds:g}"]
        super().__init__(check, ["curl", *as_it_is, "--silent", "--show-error", *format_, "--", url])
        self._url = url
        self._wanted = wanted

    def name(self) -> str:
        """The URL."""
        return self._url

    def judge(self, why: str, said: str) -> None:
        """Judge by the status that curl prints, or by the error for which it got none."""
        status = int(said) if why == "exit 0" and said.isdigit() else 0
        good = status == self._wanted if self._wanted else 200 <= status < 400
        if status and not good:
            why, said = f"status {status}" + (f", not {self._wanted}" if self._wanted else ""), ""
        super().judge(why, said)


def launch_beside(server: Server, argv: Sequence[str]) -> Launch:
    """How to run a program beside the server: as its user, in its directory, with its environment."""
    found = Launch(argv, server.directory)
    found.umask = server.launch.umask
    found.settings = {key: server.launch.settings[key] for key in SETTINGS if key in server.launch.settings}
    found.ids = server.ids
    found.in_cgroup = server.launch.in_cgroup
    told = {key: value for key, value in server.launch.environment.items() if not key.startswith(OURS_ALONE)}
    told.update(MONITOR_SERVER=server.name, MONITOR_PID=str(server.pid), MONITOR_PORT=str(server.port or ""))
    found.environment = told
    return found
