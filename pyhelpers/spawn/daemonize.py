"""Become a daemon: the two forks of daemon(7)."""

from __future__ import annotations

import os

from base.exits import CANNOT_EXECUTE
from base.programs import LaunchError
from spawn.launch import become, close_all_but, hear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.launch_settings import Launch


def leave_caller() -> bool:
    """Fork twice, into a session without a terminal.  True: we are the daemon; False: we are the caller."""
    middle = os.fork()
    if middle > 0:
        os.waitpid(middle, 0)
        return False
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    return True


def daemonize(launch: Launch, program: str) -> int:
    """Fork twice and execute the program (an absolute path); returns the daemon's pid.  Raises LaunchError.

    When this returns, the middle process has ended and init, or the nearest subreaper, is the daemon's parent.
    """
    told, tell = os.pipe()
    if leave_caller():
        try:
            os.write(tell, b"%d\n" % os.getpid())
        except BrokenPipeError:
            pass  # the caller has been killed; the program runs nevertheless
        close_all_but([tell])
        become(launch, program, tell)
    os.close(tell)
    pid = hear(told)
    if not pid:
        raise LaunchError(CANNOT_EXECUTE, "its process ended before it was started")
    return int(pid)
