#!/usr/bin/env python3
"""Start a program as a daemon, and report reliably whether it was executed.

    $ pyhelpers/daeml.py --chdir /opt/im/msg_server ./msg_server
    Daemon loader: Launching './msg_server' as daemon...
    $ echo $?
    0

The program gets its own session without a terminal, the directory / or --chdir, umask 022,
standard input from /dev/null, output to /dev/null or --output, no other descriptor, every
signal at its default and none blocked, and the caller's environment.  We fork twice, as in daemon(7).

    $ pyhelpers/daeml.py --guard --interval 1s --info /run/im/guard /opt/im/msg_server/msg_server

With --guard the daemon stays as the parent and starts the program again whenever it ends with
anything but 0; see guard_main.py.  With --foreground the guard stays in the foreground, and ends
with the status of the program.

Exit: 0 the program was executed · 126 it exists but cannot be executed, or a setting cannot
be applied · 127 no such program · 2 usage.
"""

from __future__ import annotations

import os
import sys

from base.programs import LaunchError
from config.launch_settings import Launch
from spawn.daemonize import daemonize

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(prog="daeml.py", description="Run a program as a daemon.", allow_abbrev=False)
    parser.add_argument(
        "--chdir",
        default="",
        metavar="DIR",
        help="where it runs (default /; a relative PROGRAM then starts at the current directory)",
    )
    parser.add_argument("--output", default="", metavar="FILE", help="for its stdout and stderr")
    parser.add_argument("--pidfile", default="", metavar="FILE", help="gets the daemon's pid")
    parser.add_argument("--umask", default="022", help="octal (default 022)")
    for key in Launch.SETTINGS[:-1]:
        parser.add_argument(f"--{key.replace('_', '-')}", default="", dest=key)
    parser.add_argument("--no-new-privileges", action="store_const", const="1", default="", dest="no_new_privileges")
    parser.add_argument("--guard", action="store_true", help="stay as its parent; start it again until it ends with 0")
    parser.add_argument("--interval", default="", metavar="TIME", help="... delay before it starts again (default 5s)")
    parser.add_argument("--foreground", action="store_true", help="... stay in the foreground; end with its status")
    parser.add_argument("--info", default="", metavar="FILE", help="... gets the pids of guard and program, as text")
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM [ARG...]", help="with path")
    return parser


def _options(argv: Sequence[str]) -> argparse.Namespace:
    """Parse and check the options; make paths absolute.  Ends the program with 2 if they make no sense."""
    parser = _parser()
    chosen = parser.parse_args(argv)
    if chosen.program[:1] == ["--"]:
        del chosen.program[0]
    if not chosen.program:
        parser.error("Missing program name to run as daemon!")
    if not chosen.guard and (chosen.interval or chosen.foreground or chosen.info):
        parser.error("--interval, --foreground and --info need --guard")
    for key in ("output", "pidfile", "info"):
        setattr(chosen, key, getattr(chosen, key) and os.path.abspath(getattr(chosen, key)))
    if chosen.guard:
        from config import values

        try:
            chosen.interval = str(values.duration()(chosen.interval or "5s"))
        except ValueError as error:
            parser.error(f"--interval: {error}")
    return chosen


def _launch(chosen: argparse.Namespace) -> Launch:
    nowhere = "" if chosen.foreground else os.devnull
    launch = Launch(chosen.program, os.path.abspath(chosen.chdir or "/"), chosen.output or nowhere)
    launch.umask = int(chosen.umask, 8)
    launch.settings = {key: getattr(chosen, key) for key in Launch.SETTINGS}
    return launch


def main(argv: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    chosen = _options(argv)
    launch = _launch(chosen)
    if not chosen.foreground:
        print(f"Daemon loader: Launching '{launch.argv[0]}' as daemon...", flush=True)
    try:
        program = launch.program(launch.directory if chosen.chdir else os.getcwd())
        if chosen.guard:
            from spawn import guarding

            guarding.keep_alive(
                launch, program, chosen.foreground, pidfile=chosen.pidfile, info=chosen.info, interval=chosen.interval
            )
        else:
            launch.pidfile = chosen.pidfile
            daemonize(launch, program)
    except LaunchError as failure:
        print(f"Error: Failed to execute '{launch.argv[0]}': {failure.reason}", file=sys.stderr)
        return failure.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
