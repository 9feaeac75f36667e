#!/usr/bin/env python3
"""Start a program as a daemon, and say for certain whether it was started.

    $ pyhelpers/daeml.py --chdir /opt/im/msg_server ./msg_server
    Daemon loader: Launching './msg_server' as daemon...
    $ echo $?
    0

The program gets a session of its own without a terminal, the directory / unless
--chdir says another, umask 022, standard input from /dev/null, output to /dev/null or
--output, no other descriptor, every signal at its default and none blocked, and the
caller's environment.  The two forks are those of daemon(7).

Exit: 0 the program was executed · 126 it is there but cannot be executed, or one of
the settings cannot be had · 127 there is no such program · 2 usage.
"""

from __future__ import annotations

import os
import sys

from launch import Launch, LaunchError, become, close_all_but, hear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def daemonize(launch: Launch, program: str, pidfile: str = "") -> int:
    """Fork twice and execute the program (an absolute path); returns the daemon's pid.  Raises LaunchError.

    The middle process is gone when this returns; the daemon is nobody's child.
    """
    told, tell = os.pipe()
    middle = os.fork()
    if middle == 0:
        _second_fork(launch, program, told, tell, pidfile)
    os.close(tell)
    os.waitpid(middle, 0)
    return int(hear(told))


def _second_fork(launch: Launch, program: str, told: int, tell: int, pidfile: str) -> None:
    os.close(told)
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    os.write(tell, b"%d\n" % os.getpid())
    close_all_but([tell])
    try:
        if pidfile:
            _write_pidfile(pidfile)
    except OSError as error:
        os.write(tell, f"126 pidfile {pidfile}: {error.strerror}".encode("utf-8", "surrogateescape"))
        os._exit(126)
    become(launch, program, tell)


def _write_pidfile(path: str) -> None:
    fresh = f"{path}.{os.getpid()}"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    os.write(fd, b"%d\n" % os.getpid())
    os.close(fd)
    os.rename(fresh, path)


def _options(argv: Sequence[str]) -> tuple[Launch, str, str]:
    """What to launch, where a relative program is sought, and the pidfile ("" for none)."""
    import argparse

    parser = argparse.ArgumentParser(prog="daeml.py", description="Run a program as a daemon.", allow_abbrev=False)
    parser.add_argument(
        "--chdir", default="", metavar="DIR", help="where it runs (default /; then PROGRAM is sought from here)"
    )
    parser.add_argument("--output", default="/dev/null", metavar="FILE", help="for its stdout and stderr")
    parser.add_argument("--pidfile", default="", metavar="FILE", help="gets the daemon's pid")
    parser.add_argument("--umask", default="022", help="octal (default 022)")
    for key in Launch.SETTINGS[:-1]:
        parser.add_argument(f"--{key.replace('_', '-')}", default="", dest=key)
    parser.add_argument("--no-new-privileges", action="store_const", const="1", default="", dest="no_new_privileges")
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM [ARG...]", help="with path")
    chosen = parser.parse_args(argv)
    argv = chosen.program[1:] if chosen.program[:1] == ["--"] else chosen.program
    if not argv:
        parser.error("Missing program name to run as daemon!")
    launch = Launch(argv, os.path.abspath(chosen.chdir or "/"), os.path.abspath(chosen.output))
    launch.umask = int(chosen.umask, 8)
    launch.settings = {key: getattr(chosen, key) for key in Launch.SETTINGS}
    here = launch.directory if chosen.chdir else os.getcwd()
    return launch, here, os.path.abspath(chosen.pidfile) if chosen.pidfile else ""


def main(argv: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    launch, here, pidfile = _options(argv)
    print(f"Daemon loader: Launching '{launch.argv[0]}' as daemon...", flush=True)
    try:
        daemonize(launch, launch.program(here), pidfile)
    except LaunchError as failure:
        print(f"Error: Failed to execute '{launch.argv[0]}': {failure.reason}", file=sys.stderr)
        return failure.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
