#!/usr/bin/env python3
"""Run a program repeatedly: start it, wait for its end, sleep, and start it again.

    $ pyhelpers/procctl.py 10 pyhelpers/checkproc.py /var/log/checkproc.log

SECONDS is the time between the end of the program and its next start.  procctl reports an exit status other than 0.
The program runs in the caller's directory, with its umask, environment, standard input and output, but in its own
session, with every signal at its default: TERM to the program ends it, and procctl starts it again.

procctl forwards TERM and INT to the program, and ends when the program has ended, with its exit status; with --leave it
ends at once, with 0, and the program keeps running.  It forwards other signals too.  With -d procctl runs in the
background, as the original always did, with input and output on /dev/null; the caller gets 0 when the program has
been executed.

Exit: that of the program's last run, 128 + N for signal N · 126, 127 it could not be executed the first time · 2 usage.
It replaces the original procctl, whose children ignored all signals.  The guard of `daeml.py --guard` does the work,
see guard_main.py.
"""

from __future__ import annotations

import os
import sys

from base.exits import USAGE
from base.programs import LaunchError
from config.launch_settings import Launch
from spawn import guarding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 24 * 86400.0  # seconds
LINE = "Usage: procctl.py [-d] [--leave] SECONDS PROGRAM [ARG...]"


def seconds(text: str) -> float:
    """Parse a number of seconds.  Raises ValueError."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST:
        raise ValueError(f'"{text}" is not a number of seconds from 0 to {LONGEST:.0f}')
    return found


def keep(pause: float, argv: Sequence[str], foreground: bool, leaves: bool) -> None:
    """Execute the guard, in the foreground or the background.  pause: seconds.  Raises LaunchError."""
    launch = Launch(argv, os.getcwd(), "" if foreground else os.devnull)
    launch.umask = os.umask(0o077)
    os.umask(launch.umask)
    path = launch.program()
    guarding.keep_alive(
        launch, path, foreground, interval=f"{pause * 1000:.0f}", always="1", leaves="1" if leaves else ""
    )


def main(argv: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    words = list(argv)
    options = set()
    while words and words[0].startswith("-"):
        options.add(words.pop(0))
    if options & {"-h", "--help"}:
        print(f"{LINE}\n\n{__doc__}")
        return 0
    try:
        if options - {"-d", "--leave"} or len(words) < 2:
            raise ValueError("needs SECONDS and a PROGRAM")
        keep(seconds(words[0]), words[1:], "-d" not in options, "--leave" in options)
    except ValueError as error:
        print(f"procctl.py: {error}\n{LINE}", file=sys.stderr)
        return USAGE
    except LaunchError as failure:
        print(f"Error: Failed to execute '{words[1]}': {failure.reason}", file=sys.stderr)
        return failure.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
