"""What to start, and how: the program, and the state in which it begins."""

from __future__ import annotations

import os

from base import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# Our own supervisor sets these for us; sd_notify(3) and its relatives in a server would obey them
OF_OUR_SUPERVISOR = "NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID LISTEN_FDS LISTEN_FDNAMES LISTEN_PID".split()


def forget_our_supervisor() -> None:
    """Remove our own supervisor's variables from our environment: servers inherit the rest."""
    for name in OF_OUR_SUPERVISOR:
        os.environ.pop(name, None)


class Launch:
    """What to start and how.  Unset settings ("" or None) are inherited.

    argv: program and arguments.  directory: where it runs.
    output: a file to which stdout and stderr are appended; output_fd: a descriptor of ours to use instead.
    input_fd: a descriptor of ours to use as stdin instead of /dev/null.
    environment: the complete environment, by default our own.
    umask: a number.  user, group: names or numbers.
    nice, oom_score_adj, limit_*: numbers as text (-1: no limit); limit_memory in bytes.
    pidfile: we write the pid there before we execute the program, so that the program may replace it.
    ends: name and descriptor of each that it inherits, from 3 on; told: set LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID.
    """

    SETTINGS = "user group nice oom_score_adj limit_nofile limit_core limit_memory no_new_privileges".split()

    __slots__ = "argv directory ends environment input_fd output output_fd pidfile settings told umask".split()

    def __init__(self, argv: Sequence[str], directory: str = "/", output: str = os.devnull) -> None:
        self.argv = list(argv)
        self.directory = directory
        self.output = output
        self.output_fd = -1
        self.input_fd = -1
        self.environment: Mapping[str, str] = os.environ
        self.pidfile = ""
        self.umask = 0o022
        self.settings: dict[str, str] = {}
        self.ends: Sequence[tuple[str, int]] = ()
        self.told = True

    def program(self, here: str = "") -> str:
        """The path to execute; a relative one starts at here, or at the directory that it will run in.

        Raises LaunchError if it does not exist or cannot be executed.
        """
        return programs.resolve(self.argv[0], here or self.directory, self.environment.get("PATH", os.defpath))
