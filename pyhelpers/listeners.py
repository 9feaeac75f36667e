"""Bind a listening socket as conf describes it: words as in addresses.py, from NAME on.

A unix socket's file is made with its mode from the start, belongs to the server's user, and takes the place of a
stale one only.  See unix(7), ip(7).
"""

from __future__ import annotations

import _socket
import errno
import os
import stat

SO_REUSEPORT = 15


def bound(words: list[str], user: str, group: str) -> int:
    """A descriptor of the socket, listening and close-on-exec.  Raises OSError."""
    _, kind, address, port, backlog, option = words
    family = _socket.AF_UNIX if kind == "unix" else _socket.AF_INET6 if ":" in address else _socket.AF_INET
    listener = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        if kind == "unix":
            _bind_file(listener, address, int(option, 8))
        else:
            _bind_tcp(listener, address, int(port), option == "reuseport")
        listener.listen(int(backlog))
        if kind == "unix" and (user or group):
            _give(address, user, group)
        return listener.detach()
    finally:
        listener.close()


def _bind_tcp(listener: _socket.socket, address: str, port: int, reuseport: bool) -> None:
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    if reuseport:
        listener.setsockopt(_socket.SOL_SOCKET, SO_REUSEPORT, 1)
    listener.bind((address, port))


def _bind_file(listener: _socket.socket, path: str, mode: int) -> None:
    umask = os.umask(0o777 & ~mode)
    try:
        listener.bind(path)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not _stale(path):
            raise
        os.unlink(path)
        listener.bind(path)
    finally:
        os.umask(umask)


def _stale(path: str) -> bool:
    """Is it a socket that nobody has any more?

    A call of the wrong type tells without being one: who is there never hears of it (EPROTOTYPE).
    """
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        return False
    caller = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        return caller.connect_ex(path) == errno.ECONNREFUSED
    finally:
        caller.close()


def _give(path: str, user: str, group: str) -> None:
    """Let the file belong to the server's user.  By descriptor: in between another file may get that name."""
    uid, gid = _ids(user, group)
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.chown(f"/proc/self/fd/{fd}", uid, gid)
    finally:
        os.close(fd)


def _ids(user: str, group: str) -> tuple[int, int]:
    """As numbers; -1: as it is."""
    import grp
    import pwd

    uid = gid = -1
    if user:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
        uid, gid = entry.pw_uid, entry.pw_gid
    if group:
        gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    return uid, gid
