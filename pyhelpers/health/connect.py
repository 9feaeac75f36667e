"""Connect to a server as its clients do, without blocking: the loop reports when it has answered."""

from __future__ import annotations

import _socket
import errno
import os

from base.url import family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop

# Errors that are ours, not the server's: no descriptors, no memory, no local port
OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EPERM)


class Call:
    """A TCP connection that is being made: done gets 0 when it is there, else the errno.

    address: numeric; socket: the connection, non-blocking.  Raises OSError: we cannot make a socket.
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
        try:
            if not found and self.socket.getsockname() == self.socket.getpeername():
                found = errno.ECONNREFUSED  # no process listens, and our own local port happened to be that port
        except OSError as error:  # ENOTCONN: a reset has come between the two calls
            found = error.errno or errno.ENOTCONN
        self._done(found)

    def end(self) -> None:
        """Close the connection; harmless if it is closed already."""
        if self.socket.fileno() >= 0:
            self._loop.forget(self.socket.detach())


def in_words(number: int) -> str:
    """The text of an errno, for use behind a colon."""
    text = os.strerror(number)
    return text[:1].lower() + text[1:]
