"""Has conf moved away from the process that our record names?

    >>> objection(known, process, server)
    'pid 812 runs in /old, but dir is /new now'

A record names a process by pid and start ticks, and holds what conf said of the server when that process became it.
Conf goes before the record: if a key of KEYS has another value now, the process is the server only if it also fits the
new value.  A key that is as it was proves nothing against the process, for a server may change its directory, overwrite
its arguments, execute another program or close its port.

`port` is the weakest of them.  It counts only where conf has another one now, and only for a server that had started:
then no process of its tree listens there.
"""

from __future__ import annotations

import os

from base import places
from config import settled
from proc import identity, ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proc.server import Server

KEYS = ("dir", "command", "match", "user", "port")
LONGEST_COMMAND = 80  # characters of a command line in a message
MOST_OF_TREE = 10_000  # processes


def said(server: Server) -> dict[str, str]:
    """What conf says of it now, for the record."""
    texts = (server.place, settled.joined(server.argv), settled.joined(server.match), str(server.uid), _port_of(server))
    return dict(zip(KEYS, texts))


def kept(known: dict[str, str]) -> dict[str, str]:
    """What conf said when the process of this record became the server; {} if the record is of an older suite."""
    return {key: known[key] for key in KEYS} if known["command"] else {}


def objection(known: dict[str, str], process: identity.Process, server: Server) -> str:
    """Why conf no longer describes the living process that the record known names; "" if it does."""
    before, now = kept(known), said(server)
    if not before or not process.exe:  # we may not examine it
        return ""
    for key, judge in _JUDGES.items():
        words = judge(process, server, known) if before[key] != now[key] else ""
        if words:
            return f"pid {process.pid} {words}"
    return ""


def _dir(process: identity.Process, server: Server, known: dict[str, str]) -> str:
    if process.cwd in (server.directory, ""):
        return ""
    where = f"was started in {known['dir']}" if process.cwd == "/" else f"runs in {process.cwd}"
    return f"{where}, but dir is {server.place} now"


def _command(process: identity.Process, server: Server, known: dict[str, str]) -> str:
    argv = process.argv()
    is_program = process.exe == places.real(server.program)
    if not argv or argv == server.argv or (is_program and argv[1:] == server.argv[1:]):
        return ""
    return f"runs {_short(argv)}, but command is {_short(server.argv)} now"


def _match(process: identity.Process, server: Server, known: dict[str, str]) -> str:
    if not process.argv() or identity.shows(process, server.match, server.program):
        return ""
    return f"is {os.path.basename(process.exe)}, but match is {' '.join(server.match)} now"


def _user(process: identity.Process, server: Server, known: dict[str, str]) -> str:
    uid = identity.real_uid(process.pid)
    if uid in (-1, server.uid if server.uid >= 0 else os.geteuid()):
        return ""
    return f"runs as uid {uid}, but user is {server.user or 'not set'} now"


def _port(process: identity.Process, server: Server, known: dict[str, str]) -> str:
    if not server.port or known["state"] == "STARTING" or not os.access(f"/proc/{process.pid}/fd", os.R_OK):
        return ""
    if listens(process.pid, ports.listening(server.port)):
        return ""
    return f"does not listen on port {server.port}, as conf says now"


_JUDGES: dict[str, Callable[[identity.Process, Server, dict[str, str]], str]] = {
    "dir": _dir,
    "command": _command,
    "match": _match,
    "user": _user,
    "port": _port,
}


def listens(root: int, inodes: list[int]) -> bool:
    """Does this process, or one that descends from it, have one of these sockets open?"""
    return bool(inodes) and any(ports.holds(pid, inodes) for pid in _tree(root))


def _tree(root: int) -> Iterator[int]:
    """A process and its descendants: the port of nginx may be held by its workers alone."""
    unseen, found = [root], 0
    while unseen and found < MOST_OF_TREE:
        pid = unseen.pop()
        found += 1
        yield pid
        unseen += identity.children(pid)


def _port_of(server: Server) -> str:
    return str(server.port or "")


def _short(argv: list[str]) -> str:
    text = " ".join(argv)
    return text if len(text) <= LONGEST_COMMAND else text[:LONGEST_COMMAND] + "..."
