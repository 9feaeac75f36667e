"""Put a program under a parent that guards it: this executes guard_main.py."""

from __future__ import annotations

import os
import signal
import sys

from base.exits import CANNOT_EXECUTE
from base.programs import LaunchError
from base.suite import PROGRAMS
from spawn.daemonize import leave_caller
from spawn.guard_signals import heard, silence
from spawn.launch import hear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.launch_settings import Launch

GUARD_MAIN = f"{PROGRAMS}/guard_main.py"


def keep_alive(launch: Launch, path: str, foreground: bool, **options: str) -> None:
    """Become the guard of a program (foreground), or detach a guard and wait until its first start has succeeded.

    path: what to execute.  launch.output: "" for our own.  options: interval (ms), pidfile, info; always and leaves as
    in Guard.  Raises LaunchError.
    """
    _open_standard()
    options.update(launch.settings, program=path, directory=launch.directory, output=launch.output)
    options["umask"] = f"{launch.umask:o}"
    if foreground:
        _execute(launch.argv, options)
    told, tell = os.pipe()
    if leave_caller():
        silence()
        os.set_inheritable(tell, True)
        _execute(launch.argv, dict(options, tell=str(tell)))
    os.close(tell)
    if not hear(told):
        raise LaunchError(CANNOT_EXECUTE, "its guard ended before it was started")


def _open_standard() -> None:
    """Open /dev/null on each of 0, 1 and 2 that the caller has closed: else our pipe would get its number."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _execute(argv: Sequence[str], options: Mapping[str, str]) -> None:
    """Execute guard_main.py, which imports little: argparse and the rest of the command line would stay in memory."""
    signal.pthread_sigmask(signal.SIG_BLOCK, heard())  # until keep() waits for them
    words = [f"{key}={value}" for key, value in options.items() if value]
    os.execv(sys.executable, [sys.executable, "-E", "-s", "-S", GUARD_MAIN, *words, "--", *argv])
