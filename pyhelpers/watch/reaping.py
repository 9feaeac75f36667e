"""Reap orphans as soon as they end: under `run`, where no zombie may stay.

As subreaper we get every orphan of our servers; other monitors reap these once an interval.  SIGCHLD tells of an end.
Python's own handler writes a byte into a pipe; loop/modified.py may have set another one already, and then that wakes
the loop, and our handler, which Python calls next, writes into ours.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Reaper
    from loop.loop import Loop

CHILD = 17  # SIGCHLD
TOGETHER_MS = 5  # many may end at once; and a restart comes first


class Reaping:
    """From now on all our orphans are reaped when they end.  Raises OSError."""

    def __init__(self, host: Reaper, loop: Loop) -> None:
        self._host = host
        self._loop = loop
        self._is_due = False
        self._rung, self._ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        loop.on_readable(self._rung, self._answer)
        other = _signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        if other != -1:
            _signal.set_wakeup_fd(other, warn_on_full_buffer=False)
        _signal.signal(CHILD, self._heard)
        os.register_at_fork(after_in_child=_forget)
        self._reap()

    def _heard(self, number: int, frame: object) -> None:
        try:
            os.write(self._ring, b"c")
        except BlockingIOError:
            pass  # it is full of such bytes

    def _answer(self) -> None:
        os.read(self._rung, 1 << 12)
        if not self._is_due:
            self._is_due = True
            self._loop.after(TOGETHER_MS, self._reap)

    def _reap(self) -> None:
        self._is_due = False
        for _ in self._host.orphans():
            pass  # the generator reaps those that have ended


def _forget() -> None:
    """In a child that we fork: there the number of the pipe may become that of another file."""
    _signal.signal(CHILD, _signal.SIG_DFL)
    _signal.set_wakeup_fd(-1)
