"""Learn that a file in a directory was written to, once per question: dnotify, fcntl(2) F_NOTIFY.

inotify would need ctypes, which the resident process does not load; and it reports each write, where one report until
we ask again is all that we want.  The kernel sends us SIGURG, which ends no process that has no handler for it, and
Python's own handler writes a byte into a pipe.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop

URGENT = 23  # SIGURG


class Modified:
    """After ask(), the call is made once, as soon as a file in this directory is written to.  Raises OSError.

    There can be one of these in a process.
    """

    def __init__(self, loop: Loop, directory: str, call: Callable[[], None]) -> None:
        self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._call = call
        self._rung, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.signal(URGENT, _nothing)
        _signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        fcntl.fcntl(self._directory, fcntl.F_SETSIG, URGENT)
        loop.on_readable(self._rung, self._answer)

    def ask(self) -> bool:
        """Ask for the next write; False: this kernel does not offer it (CONFIG_DNOTIFY)."""
        try:
            fcntl.fcntl(self._directory, fcntl.F_NOTIFY, fcntl.DN_MODIFY)
        except OSError:
            return False
        return True

    def _answer(self) -> None:
        os.read(self._rung, 1 << 12)
        self._call()


def _nothing(number: int, frame: object) -> None:
    """Python writes into the pipe only for a signal that has a handler."""
