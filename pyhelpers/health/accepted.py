"""Which process answers a check?  Of several that accept on one socket, the kernel gives a connection to any of them.

    >>> Accepted(check, socket, then)
    then("") when a process of the check's server has accepted the connection, then(WHY) if another one has

The end of the server has our two ports exchanged, and an inode as soon as a process has accepted it; that process, or
one that descends from it, has the inode open.  Some servers have the kernel wait for the request first
(TCP_DEFER_ACCEPT in tcp(7)): so then gets "" after a while, and has to ask judge() before it believes an answer.

Source: proc(5) on /proc/net/tcp.
"""

from __future__ import annotations

import _socket

from health.active_check import ANOTHER
from loop import descendants
from proc import ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from health.active_check import Check
    from loop.loop import Timer

LOOK_MS = 2.0
LOOKS = 50


class Accepted:
    """The wait until the connection is accepted; then is called once, unless end() comes first."""

    def __init__(self, check: Check, call: _socket.socket, then: Callable[[str], None]) -> None:
        self._check = check
        self._socket = call
        self._then = then
        self._looks = 0
        self._timer: Timer | None = None
        self._is_certain = False
        self._look()

    def _look(self) -> None:
        whose = accepted_by(self._check, self._socket)
        self._looks += 1
        if whose is None and self._looks < LOOKS:
            self._timer = self._check.loop.after(LOOK_MS, self._look)
        else:
            self._is_certain = whose is not None
            self._then(ANOTHER if whose is False else "")

    def judge(self, words: str) -> str:
        """What is wrong with an answer, words or nothing; ANOTHER if it is not the server's own.

        If that is not to be known, a good answer proves nothing.  A bad one is the server's, unless a process beside it
        may well have given it: one that closes each connection at once is not to stay unseen.
        """
        whose = self._is_certain or accepted_by(self._check, self._socket)
        if whose:
            return words
        return words if whose is None and words and not self._check.is_beside else ANOTHER

    def end(self) -> None:
        """Wait no more."""
        if self._timer:
            self._timer.cancel()


def accepted_by(check: Check, call: _socket.socket) -> bool | None:
    """Has a process of the check's server accepted this connection, or another one?  None: no one has, as yet."""
    try:
        ours, theirs = call.getsockname()[1], call.getpeername()[1]
    except OSError:
        return None
    inode = ports.accepted(theirs, ours)
    if not inode:
        return None
    tree = descendants.tree(check.home, check.life.server)
    return any(ports.holds(pid, [inode]) for pid in tree)
