"""A death that the helper does not answer: it stands still, so another machine shall run the server.

The keeper follows the process, too.  A helper that lives says `gone` as soon as it knows of the end, however long the
shell then waits before it starts the server again.  Source: pidfd_open(2).
"""

from __future__ import annotations

import os

from proc import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop, Timer


class Deaths:
    """Of the servers that the helper has named.  patience: in ms; unanswered: called with the name, once a death."""

    def __init__(self, loop: Loop, patience: float, unanswered: Callable[[str], None]) -> None:
        self._loop = loop
        self._patience = patience
        self._unanswered = unanswered
        self._pidfds: dict[str, int] = {}
        self._timers: dict[str, Timer] = {}

    def follow(self, name: str, pid: int, ticks: int) -> None:
        """This process is the server now."""
        self.answered(name)
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return  # it has ended since the helper, which lives, has named it
        if identity.ticks_of(pid) != ticks:
            os.close(pidfd)
            return
        self._pidfds[name] = pidfd
        self._loop.on_readable(pidfd, lambda: self._died(name))

    def answered(self, name: str) -> None:
        """The helper knows that it has ended, or that it is another process now."""
        if name in self._pidfds:
            self._loop.forget(self._pidfds.pop(name))
        if name in self._timers:
            self._timers.pop(name).cancel()

    def _died(self, name: str) -> None:
        self._loop.forget(self._pidfds.pop(name))
        self._timers[name] = self._loop.after(self._patience, lambda: self._is_over(name))

    def _is_over(self, name: str) -> None:
        del self._timers[name]
        self._unanswered(name)
