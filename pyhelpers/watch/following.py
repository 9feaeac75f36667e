"""Wait for the end of a process that we have looked at."""

from __future__ import annotations

import errno
import os
import select

from proc import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop


def wait_for(process: identity.Process, loop: Loop, gone: Callable[[], None]) -> int:
    """A pidfd of the process, at whose end the loop calls gone; -1: it has ended by now.

    Raises OSError if it lives, but no descriptor or no memory is left to wait for it: then nothing has changed.
    """
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return -1
    try:
        if _is_still(process, pidfd):
            loop.on_readable(pidfd, gone)
            return pidfd
    except OSError:
        os.close(pidfd)
        raise
    os.close(pidfd)
    return -1


def _is_still(process: identity.Process, pidfd: int) -> bool:
    """Is it that process of which we have a pidfd by its number?  Raises OSError if it lives and /proc does not say."""
    ticks = identity.ticks_of(process.pid)
    if not ticks and not _has_ended(pidfd):
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), f"/proc/{process.pid}/stat")
    return ticks == process.ticks


def _has_ended(pidfd: int) -> bool:
    ends = select.poll()
    ends.register(pidfd, select.POLLIN)
    return bool(ends.poll(0))
