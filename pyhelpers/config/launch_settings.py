"""What to start, and how: the program, and the state in which it begins."""

from __future__ import annotations

import os

from base import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from base.ids import Ids


# Our own supervisor sets these for us; sd_notify(3) and its relatives in a server would obey them
OF_OUR_SUPERVISOR = (
    *"NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID LISTEN_FDS LISTEN_FDNAMES LISTEN_PID INVOCATION_ID".split(),
    "MONITOR_COMMAND",  # of another monitor, for which we are a command: see proc/beside.py
)


def forget_our_supervisor() -> None:
    """Remove our own supervisor's variables from our environment: servers inherit the rest."""
    for name in OF_OUR_SUPERVISOR:
        os.environ.pop(name, None)


NO_CAPS: dict[str, str] = {}  # for all launches without any

_inherited: dict[str, str] = {}


def _our_environment() -> dict[str, str]:
    """Our environment as one plain dict for all launches: os.environ would be decoded anew for each."""
    if not _inherited:
        _inherited.update(os.environ)
    return _inherited


MOST = "most"  # a limit: as high as we may set it


class Launch:
    """What to start and how.  Unset settings ("" or None) are inherited.

    argv: program and arguments.  directory: where it runs.
    output: a file to which stdout and stderr are appended; output_began: its size at the launch; output_fd: a
    descriptor of ours to use instead.
    input_fd: a descriptor of ours to use as stdin instead of /dev/null.
    environment: the complete environment, by default our own.
    umask: a number.  user, group: names or numbers; ids: the same as numbers, where they are settled.
    nice, oom_score_adj, limit_*: numbers as text (-1: no limit; MOST); limit_memory in bytes.
    pidfile: we write the pid there before we execute the program, so that the program may replace it.
    caps: memory_cap in bytes, cpu_cap in percent of a core, tasks_cap, each as text, by its key.
    in_cgroup: may it get a cgroup?  cgroup: the directory of the one that it joins before the exec; "": none, or later.
    ends: name and descriptor of each that it inherits, from 3 on; told: set LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID.
    """

    SETTINGS = "user group nice oom_score_adj limit_nofile limit_core limit_memory no_new_privileges".split()

    CAPS = "memory_cap cpu_cap tasks_cap".split()

    __slots__ = (
        "argv caps cgroup directory ends environment ids in_cgroup input_fd output output_began output_fd pidfile "
        "settings told umask"
    ).split()

    def __init__(self, argv: Sequence[str], directory: str = "/", output: str = os.devnull) -> None:
        self.argv = list(argv)
        self.directory = directory
        self.output = output
        self.output_began = 0
        self.output_fd = -1
        self.input_fd = -1
        self.environment: dict[str, str] = _our_environment()
        self.pidfile = ""
        self.umask = 0o022
        self.settings: dict[str, str] = {}
        self.ids: Ids | None = None
        self.caps: dict[str, str] = NO_CAPS
        self.in_cgroup = True
        self.cgroup = ""
        self.ends: Sequence[tuple[str, int]] = ()
        self.told = True

    def mark(self) -> str:
        """Give what is launched next an INVOCATION_ID, as systemd gives a unit's: it proves what descends from it.

        No one can guess its 128 random bits.  It is last in the environment: process titles overwrite the beginning.
        """
        invocation = os.urandom(16).hex()
        self.environment.pop("INVOCATION_ID", None)
        self.environment["INVOCATION_ID"] = invocation
        return invocation

    def program(self, here: str = "", may_look: Callable[[str], object] | None = None) -> str:
        """The path to execute; a relative one starts at here, or at the directory that it will run in.

        may_look: called with each path before it is looked at; it may raise.  Raises LaunchError if the program is
        missing or cannot be executed.
        """
        path = self.environment.get("PATH", os.defpath)
        return programs.resolve(self.argv[0], here or self.directory, path, may_look)
