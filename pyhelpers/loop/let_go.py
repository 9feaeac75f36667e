"""Let go of descriptors that others have sent to us: to close the last reference to a file may take an hour.

A socket may linger (socket(7): SO_LINGER), a file system may not answer.  The kernel closes what a datagram brought in
the process that receives the datagram without room for it, or that closes the socket in which it waits.  So a child
does both.  An exit does not linger.

Source: unix(7): SCM_RIGHTS; recvmsg(2): MSG_CTRUNC; net/ipv4/af_inet.c: inet_release().
"""

from __future__ import annotations

import _socket
import os

from loop.hand import kill, when_gone
from spawn.launch import close_all_but

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loop.loop import Loop

    # of one datagram: level, kind and content of each
    Control = list[tuple[int, int, bytes]]

FLAGS = _socket.MSG_DONTWAIT | _socket.MSG_CMSG_CLOEXEC
LONGEST_MS = 200
TRY_AGAIN_MS = 200


def receive(
    loop: Loop,
    socket: _socket.socket,
    room: int,
    is_such: Callable[[Control], bool],
    most: int,
    then: Callable[[], None],
) -> None:
    """Receive the next datagram without its descriptors, and up to most in a row that have some; then call then.

    The loop does not wait for the socket meanwhile.  room: for control data, without any for descriptors; is_such: does
    a datagram with that control data belong to the row?  We kill the child when it is slow: what it has not received
    by then waits still.
    """
    loop.ignore(socket.fileno())
    try:
        child, told, tell = _fork()
    except OSError:
        loop.after(TRY_AGAIN_MS, then)
        return
    if child == 0:
        _receive(socket, tell, room, is_such, most)
    os.close(tell)
    late = loop.after(LONGEST_MS, lambda: kill(child))

    def received(_: str) -> None:
        late.cancel()
        then()

    loop.hear(child, told, received)


def _fork() -> tuple[int, int, int]:
    """Make a child and a pipe from it; return its pid, which is 0 in the child, and both ends.  Raises OSError."""
    told, tell = os.pipe()
    try:
        return os.fork(), told, tell
    except OSError:
        os.close(told)
        os.close(tell)
        raise


def _receive(socket: _socket.socket, tell: int, room: int, is_such: Callable[[Control], bool], most: int) -> None:
    """In the child; first close all our other descriptors, because this may hang."""
    try:
        close_all_but([tell, socket.fileno()])
        for _ in range(most):
            _, control, flags, _ = socket.recvmsg(0, room, FLAGS | _socket.MSG_PEEK)
            if not flags & _socket.MSG_CTRUNC or not is_such(control):
                break
            socket.recvmsg(0, 0, FLAGS)
    finally:
        os._exit(0)


def close(loop: Loop, fds: Sequence[int]) -> None:
    """Close these sockets of ours, in which datagrams with descriptors may wait."""
    try:
        told, tell = os.pipe()
        try:
            child = os.fork()
        except OSError:
            os.close(told)
            os.close(tell)
            raise
    except OSError:
        loop.after(TRY_AGAIN_MS, lambda: close(loop, fds))
        return
    if child == 0:
        _outlast(told, tell)
    loop.errands.add(child)
    when_gone(loop, child)
    for fd in (*fds, told, tell):
        os.close(fd)


def _outlast(told: int, tell: int) -> None:
    """In the child: hold the sockets until our parent has closed them; then exit."""
    try:
        os.close(tell)
        os.read(told, 1)
    finally:
        os._exit(0)
