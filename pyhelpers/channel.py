"""For servers in Python: use the monitor's descriptors, and send it heartbeats.  Copy this file; it needs no other.

    import channel

    web = socket.socket(fileno=channel.listen_fds()["web"])     # sockets = web=tcp://127.0.0.1:8080
    tasks = channel.channels()["tasks"]                         # channels = tasks: a socket.socket
    channel.beat(1, [pool, served])                             # heartbeat = channel: once a second

With fd_passing = scm, the last argument is the number of the daemon socket; the program knows how many descriptors
it will receive:

    daemon = int(sys.argv[-1])
    channels, web = channel.receive(daemon, 2)
    channel.beat(1, [pool, served], daemon)

All descriptors become close-on-exec.  See sd_listen_fds(3), unix(7).

    $ python3 -E -s pyhelpers/channel.py        (started with sockets or channels) lists them
    web 3 listens
    tasks 4
"""

from __future__ import annotations

import os
import socket
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST = 3
DAEMON = "daemon"
MESSAGE = struct.Struct("=16i")  # struct StatusMessage { int module; int pid; int args[14]; }


def inherited() -> dict[str, int]:
    """Name and number of every descriptor that the monitor passed to this process, in order; {} in a child of it."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    found = {}
    for number in range(count):
        os.set_inheritable(FIRST + number, False)
        found[names[number] if number < len(names) else f"fd{number}"] = FIRST + number
    return found


def listen_fds() -> dict[str, int]:
    """Name and number of each listening socket."""
    return {name: fd for name, fd in inherited().items() if _listens(fd)}


def channels() -> dict[str, socket.socket]:
    """Name and socket of this end of each channel; each call gives new objects for the same descriptors."""
    ends = inherited()
    return {name: socket.socket(fileno=fd) for name, fd in ends.items() if name != DAEMON and not _listens(fd)}


def receive(daemon: int, count: int) -> list[int]:
    """Receive count descriptors over the daemon socket; each comes with one NUL byte.  Raises OSError, EOFError."""
    end = socket.socket(fileno=daemon)
    os.set_inheritable(daemon, False)
    found: list[int] = []
    try:
        while len(found) < count:
            _, fds, _, _ = socket.recv_fds(end, 1, 1, socket.MSG_CMSG_CLOEXEC)
            if not fds:
                raise EOFError  # a message without a descriptor
            found += fds
    finally:
        end.detach()
    return found


def beat(module: int, args: Sequence[int] = (), daemon: int = -1) -> bool:
    """Send a heartbeat.  False: no watcher receives it now (another one is starting); the server goes on.

    module: 1 or more, constant for a server.  args: up to 14 numbers for `status`.
    daemon: the number of the daemon socket, with scm.
    """
    fd = daemon if daemon >= 0 else inherited().get(DAEMON, -1)
    if fd < 0:
        return False
    values = [*args[:14], *([0] * (14 - len(args)))]
    end = socket.socket(fileno=fd)
    try:
        end.send(MESSAGE.pack(module, os.getpid(), *values), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except OSError:
        return False
    finally:
        end.detach()
    return True


def told_to_end(daemon: int = -1) -> bool:
    """Has the watcher sent the shutdown message?  Does not block."""
    fd = daemon if daemon >= 0 else inherited().get(DAEMON, -1)
    if fd < 0:
        return False
    end = socket.socket(fileno=fd)
    try:
        message = end.recv(MESSAGE.size, socket.MSG_DONTWAIT)
    except OSError:
        return False
    finally:
        end.detach()
    return len(message) == MESSAGE.size and MESSAGE.unpack(message)[2] == -25


def _listens(fd: int) -> bool:
    end = socket.socket(fileno=fd)
    try:
        return end.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    finally:
        end.detach()


def main() -> int:
    """List the descriptors that the monitor passed to us."""
    for name, fd in inherited().items():
        print(name, fd, *(["listens"] if _listens(fd) else []))
    return 0


if __name__ == "__main__":
    sys.exit(main())
