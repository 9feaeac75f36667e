"""Which TCP port listens here?  From /proc/net/tcp and tcp6, where the kernel puts listeners first."""

from __future__ import annotations

import os

LISTEN = "0A"


def listening(port: int) -> list[int]:
    """Inodes of the sockets that listen on this port, on any address; [] if it is free."""
    return [inode for path in ("/proc/net/tcp", "/proc/net/tcp6") for inode in _listeners(path, f":{port:04X}")]


def _listeners(path: str, suffix: str) -> list[int]:
    found = []
    try:
        with open(path) as table:
            table.readline()
            for line in table:
                words = line.split()
                if words[3] != LISTEN:
                    break
                if words[1].endswith(suffix):
                    found.append(int(words[9]))
    except OSError:
        pass  # no IPv6
    return found


def holds(pid: int, inodes: list[int]) -> bool:
    """Has this process one of these sockets open?  False too if we may not look."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    directory = f"/proc/{pid}/fd"
    try:
        return any(os.readlink(f"{directory}/{fd}") in wanted for fd in os.listdir(directory))
    except OSError:
        return False
