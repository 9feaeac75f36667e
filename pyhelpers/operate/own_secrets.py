"""A program that exec runs gets the variables of env_file, and copies of the secrets that are its own.

So it disturbs no copies of a server that runs, and needs none of a server that does not.  The program takes the place
of this process, so another one waits for its end, and removes the copies then.
"""

from __future__ import annotations

import os
import select

from spawn import credentials
from spawn.launch import close_all_but, no_process
from spawn.private import complete as with_private_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.launch_settings import Launch
    from proc.server import Server

MARK = ".exec-"


def complete(server: Server, what: Launch, directory: str) -> None:
    """Complete the environment of the program, in the process that becomes it.

    directory: of the server's record, absolute.  Raises LaunchError.
    """
    server.launch.settings["private"] = directory
    own = f"{directory}{MARK}{os.getpid()}"
    if "secrets" in server.launch.settings:
        try:
            _have_removed(own)
        except OSError as error:
            raise no_process(error) from None
    with_private_files(server, what, lambda private: private.stand_apart(own))


def _have_removed(own: str) -> None:
    """Leave a process behind that removes the copies when this one has ended: no child of the program, but of init.

    Raises OSError.
    """
    us = os.pidfd_open(os.getpid())
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _be_no_ones(us)
                _remove_after(us, own)
                _remove_stale(own.rpartition(MARK)[0])
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(us)


def _be_no_ones(pidfd: int) -> None:
    """Hold nothing of the caller but this descriptor."""
    os.chdir("/")
    close_all_but([pidfd])
    null = os.open(os.devnull, os.O_RDWR)
    for stdio in range(3):
        os.dup2(null, stdio)


def _remove_after(pidfd: int, own: str) -> None:
    waits = select.poll()
    waits.register(pidfd, select.POLLIN)
    waits.poll()
    credentials.remove(own, credentials.run_of(own))


def _remove_stale(directory: str) -> None:
    """Remove what others should have removed, but were killed before."""
    begin = directory.rpartition("/")[2] + MARK
    for name in credentials.names():
        pid = name.removeprefix(begin).partition(".")[0]
        if name.startswith(begin) and not os.path.exists(f"/proc/{pid}"):
            other = f"{directory}{MARK}{pid}"
            credentials.remove(other, credentials.run_of(other))
