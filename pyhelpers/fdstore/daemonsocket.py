"""The daemon socket: a pair of datagram sockets.  One end is the server's, one the watcher's; successors keep them.

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
    """Send descriptors, each as one NUL byte with SCM_RIGHTS; they wait for the server.  Raises OSError."""
    handle = _socket.socket(fileno=ours)
    try:
        for fd in fds:
            rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, fd.to_bytes(4, sys.byteorder))
            handle.sendmsg([b"\0"], [rights], _socket.MSG_DONTWAIT)
    finally:
        handle.detach()


def joined(theirs: int) -> int:
    """A new watcher's end, after the old one died with its watcher; the server keeps its socket.

    A datagram socket may be connected again if the other end has an address: here an abstract one that the kernel
    chooses.  Two sockets that are connected to each other accept no other sender.  Raises OSError.
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
    drain(fd)  # what others sent before the connect; its reader copes with the rest
    return fd


def drain(fd: int) -> bool:
    """Drop what waits in a daemon socket: a dead process sent it, or should have read it.

    False: a datagram with descriptors waits there, or too much; close the socket by loop/let_go.py.
    """
    handle = _socket.socket(fileno=fd)
    try:
        for _ in range(MOST_DRAINED):
            _, _, flags, _ = handle.recvmsg(0, 0, _socket.MSG_DONTWAIT | _socket.MSG_PEEK)
            if flags & _socket.MSG_CTRUNC:
                return False
            handle.recv(1, _socket.MSG_DONTWAIT)
    except OSError:
        return True  # it is empty
    finally:
        handle.detach()
    return False
