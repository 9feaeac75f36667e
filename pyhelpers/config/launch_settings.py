"""What is to be started, and how: the program and the state that it is to begin in."""

from __future__ import annotations

import os

from base import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from base.ids import Ids


# What an sd_notify(3), sd_watchdog_enabled(3) or sd_listen_fds(3) of a server would take for its own
OF_OUR_SUPERVISOR = "NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID LISTEN_FDS LISTEN_FDNAMES LISTEN_PID".split()


def forget_our_supervisor() -> None:
    """Take out of our environment what our own supervisor told us: servers inherit the rest."""
    for name in OF_OUR_SUPERVISOR:
        os.environ.pop(name, None)


class Launch:
    """What to start and how.  Unset settings ("" or None) are inherited.

    argv: program and arguments.  directory: where it runs.  output: a file for stdout and
    stderr, appended to; output_fd: in its stead, a descriptor of ours.  environment: the whole of it (our own).
    umask: octal digits.  user, group: names or numbers.  nice, oom_score_adj, limit_*: numbers as text (-1: no
    limit); limit_memory in bytes.  ids: user and group as numbers, where they are settled.
    ends: name and descriptor of each that it is to have from 3 on; told: LISTEN_FDS and so on say so.
    """

    SETTINGS = "user group nice oom_score_adj limit_nofile limit_core limit_memory no_new_privileges".split()

    __slots__ = ("argv", "directory", "ends", "environment", "ids", "output", "output_fd", "settings", "told", "umask")

    def __init__(self, argv: Sequence[str], directory: str = "/", output: str = os.devnull) -> None:
        self.argv = list(argv)
        self.directory = directory
        self.output = output
        self.output_fd = -1
        self.environment: Mapping[str, str] = os.environ
        self.umask = 0o022
        self.settings: dict[str, str] = {}
        self.ids: Ids | None = None
        self.ends: Sequence[tuple[str, int]] = ()
        self.told = True

    def program(self, here: str = "", may_look: Callable[[str], object] | None = None) -> str:
        """The path to execute; a relative one is sought from here, or from the directory it is to run in.

        may_look: called with each path before it is looked at; it may raise.  Raises LaunchError when there is none or
        it cannot be executed.
        """
        path = self.environment.get("PATH", os.defpath)
        return programs.resolve(self.argv[0], here or self.directory, path, may_look)
