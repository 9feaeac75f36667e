"""Bind a listening socket as conf describes it: words as in config/socket_values.py, from NAME on.

A unix socket's file is made with its mode from the start, belongs to the server's user, and takes the place of a
stale one only.  See unix(7), ip(7).
"""

from __future__ import annotations

import _socket
import errno
import os
import select
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
        if kind == "unix":
            _give(address, int(option, 8), user, group)
        return listener.detach()
    finally:
        listener.close()


def kept(fd: int, words: list[str], user: str, group: str) -> bool:
    """Make one that is held listen as conf has it now; False: it cannot be kept, its file is gone or it was shut down.

    Servers shut a listening socket down to wake their own threads, and take its file away as they end.  One of TCP
    listens again at the next listen(2), one with a path never does.  Raises OSError.
    """
    _, kind, address, _, backlog, option = words
    if kind == "unix":
        if is_shut(fd) or not _is_socket(address):
            return False
        _give(address, int(option, 8), user, group)
    handle = _socket.socket(fileno=fd)
    try:
        handle.listen(int(backlog))
    finally:
        handle.detach()
    return True


def is_shut(fd: int) -> bool:
    """Has somebody who has it shut it down, in one direction or both?  For all who have it, then."""
    poll = select.poll()
    poll.register(fd, select.POLLRDHUP)  # POLLHUP comes unasked
    return bool(poll.poll(0))


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
        if error.errno != errno.EADDRINUSE:
            raise
        if not _is_socket(path):
            raise OSError(errno.EEXIST, "there is a file that is no socket") from None
        if not _stale(path):
            raise
        os.unlink(path)
        listener.bind(path)
    finally:
        os.umask(umask)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False


def _stale(path: str) -> bool:
    """Is it one that nobody has any more?

    A call of the wrong type tells without being one: who is there never hears of it (EPROTOTYPE).
    """
    caller = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        return caller.connect_ex(path) == errno.ECONNREFUSED
    finally:
        caller.close()


def _give(path: str, mode: int, user: str, group: str) -> None:
    """Let the file have that mode, and belong to the server's user; an owner that conf no longer names is left.

    By descriptor: in between another file may get that name.
    """
    uid, gid = _ids(user, group)
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        is_now = os.fstat(fd)
        if not stat.S_ISSOCK(is_now.st_mode):
            return
        if uid not in (-1, is_now.st_uid) or gid not in (-1, is_now.st_gid):
            os.chown(f"/proc/self/fd/{fd}", uid, gid)
        if stat.S_IMODE(is_now.st_mode) != mode:
            os.chmod(f"/proc/self/fd/{fd}", mode)
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
