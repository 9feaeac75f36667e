"""Connect to a server as its peers do, without waiting for it: the loop tells when it has answered."""

from __future__ import annotations

import _socket
import errno
import os

from base.url import family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop

# What we lack ourselves, and no server can help: descriptors, memory, a port to call from
OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EPERM)


class Call:
    """A TCP connection to come: done gets 0 once it is there, else the errno.

    address: numeric; socket: for who goes on with it, non-blocking.  Raises OSError: no socket can be had.
    """

    __slots__ = ("_done", "_loop", "socket")

    def __init__(self, loop: Loop, address: str, port: int, done: Callable[[int], None]) -> None:
        self._loop = loop
        self._done = done
        self.socket = _socket.socket(family(address), _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK)
        found = self.socket.connect_ex((address, port))
        if found in (0, errno.EINPROGRESS):
            loop.on_writable(self.socket.fileno(), self._connected)
        else:
            self.socket.close()
            done(found)

    def _connected(self) -> None:
        found = self.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if not found and self.socket.getsockname() == self.socket.getpeername():
            found = errno.ECONNREFUSED  # nobody listens, and the port that we call from happened to be that one
        self._done(found)

    def end(self) -> None:
        """Hang up; harmless once it was done."""
        if self.socket.fileno() >= 0:
            self._loop.forget(self.socket.detach())


def in_words(number: int) -> str:
    """An errno as it stands behind a colon."""
    text = os.strerror(number)
    return text[:1].lower() + text[1:]
