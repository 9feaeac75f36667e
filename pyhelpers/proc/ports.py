"""Which process listens on a TCP port?  From /proc/net/tcp and tcp6, in which the kernel lists listeners first."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LISTEN = "0A"
LOOPBACK = "127.0.0.1"
_ANY = {"0.0.0.0": LOOPBACK, "::": "::1"}


def listening(port: int) -> list[int]:
    """Inodes of the sockets that listen on this port, on any address; [] if it is free."""
    return [inode for _, inode in listeners(_suffix(port))]


def address(port: int, pid: int) -> str:
    """The address to connect to on this port; pid's own socket if several listen; "" if no process listens."""
    found = list(listeners(_suffix(port)))
    if len(found) > 1:
        found = [each for each in found if holds(pid, [each[1]])] or found
    return _callable(found[0][0]) if found else ""


def _callable(place: str) -> str:
    """The address to connect to, from one of the table (32-bit words in hex, each in the machine's byte order)."""
    import _socket
    import struct

    place = place.partition(":")[0]
    words = [int(place[at : at + 8], 16) for at in range(0, len(place), 8)]
    family = _socket.AF_INET6 if len(words) > 1 else _socket.AF_INET
    numeric = _socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))
    return _ANY.get(numeric, numeric)


def _suffix(port: int) -> str:
    return f":{port:04X}"


def listeners(suffix: str = "") -> Iterator[tuple[str, int]]:
    """ADDRESS:PORT, as the kernel prints it, and the inode of each listener for which that ends in suffix."""
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        yield from _listeners_in(path, suffix)


def _listeners_in(path: str, suffix: str) -> list[tuple[str, int]]:
    found = []
    try:
        with open(path) as table:
            table.readline()
            for line in table:
                words = line.split()
                if words[3] != LISTEN:
                    break
                if words[1].endswith(suffix):
                    found.append((words[1], int(words[9])))
    except OSError:
        pass  # no IPv6
    return found


def accepted(port: int, caller: int) -> int:
    """Inode of the end of a connection on this port whose other end has the port caller; 0: no one has accepted it."""
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path) as table:
                table.readline()
                for line in table:
                    words = line.split()
                    if words[1].endswith(_suffix(port)) and words[2].endswith(_suffix(caller)) and int(words[9]):
                        return int(words[9])
        except (OSError, ValueError):
            pass  # no IPv6
    return 0


def holds(pid: int, inodes: list[int]) -> bool:
    """Does this process have one of these sockets open?  Also False if we may not look."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    directory = f"/proc/{pid}/fd"
    try:
        return any(_link(f"{directory}/{fd}") in wanted for fd in os.listdir(directory))
    except OSError:
        return False


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""  # closed meanwhile
