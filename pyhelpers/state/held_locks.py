"""The locks of many servers, without a descriptor for each: they lie as messages in sockets that nobody reads.

    held += put_away(locks)

Each process that we start gets a copy of our descriptors, and closes them when it is executed: a thousand locks take
half as long as all else of a start.  A message of SCM_RIGHTS holds the open file as a descriptor does, and lasts as
long as the socket, so the locks end with our process.
Source: unix(7), flock(2).
"""

from __future__ import annotations

import os
import sys

MOST = 253  # descriptors in one message: SCM_MAX_FD of the kernel


def put_away(locks: list[int]) -> list[object]:
    """Take all descriptors out of the list; return the sockets that hold the locks now.

    What the kernel does not take stays in the list: this user may have too many files in sockets already.
    """
    sockets = []
    while locks:
        socket = _sent(locks[:MOST])
        if not socket:
            break
        sockets.append(socket)
        for fd in locks[:MOST]:
            os.close(fd)
        del locks[:MOST]
    return sockets


def _sent(some: list[int]) -> object:
    rights = b"".join(fd.to_bytes(4, sys.byteorder) for fd in some)
    try:
        import _socket

        kept, end = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        end.sendmsg([b"l"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)], _socket.MSG_DONTWAIT)
        end.close()
    except (ImportError, OSError):
        return None
    return kept
