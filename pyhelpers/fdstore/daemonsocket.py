"""The daemon socket: a pair of datagram sockets, one end a server's, the other its watcher's, each for all successors.

See unix(7), cmsg(3).
"""

from __future__ import annotations

import _socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_DRAINED = 4096  # messages


def send(ours: int, fds: Sequence[int]) -> None:
    """Let descriptors wait in it for the server, one NUL byte and SCM_RIGHTS each.  Raises OSError."""
    handle = _socket.socket(fileno=ours)
    try:
        for fd in fds:
            rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, fd.to_bytes(4, sys.byteorder))
            handle.sendmsg([b"\0"], [rights], _socket.MSG_DONTWAIT)
    finally:
        handle.detach()


def joined(theirs: int) -> int:
    """A new end for a daemon socket whose other one died with a watcher; the server's stays the same socket.

    A datagram socket may be connected again, if the other has an address: an abstract one that the kernel chooses.
    Connected to each other, they take messages from nobody else.  Raises OSError.
    """
    end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    handle = _socket.socket(fileno=theirs)
    try:
        if not handle.getsockname():
            handle.bind("")
        end.bind("")
        handle.connect(end.getsockname())
        end.connect(handle.getsockname())
    finally:
        handle.detach()
    fd = end.detach()
    drain(fd)  # of strangers, before that
    return fd


def drain(fd: int) -> None:
    """Forget what waits in a daemon socket: it was for a process that is dead, or from one."""
    handle = _socket.socket(fileno=fd)
    try:
        for _ in range(MOST_DRAINED):
            handle.recv(1, _socket.MSG_DONTWAIT)
    except OSError:
        pass  # it is empty
    finally:
        handle.detach()
