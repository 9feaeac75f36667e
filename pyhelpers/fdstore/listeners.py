"""Bind a listening socket as conf describes it: words as in config/socket_values.py, from NAME on.

The file of a unix socket has its mode from the start, belongs to the server's user, and replaces only a stale socket.
See unix(7), ip(7).
"""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import select
import stat

from base import places
from base.places import NoAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.ids import Ids
    from base.places import Place

SO_REUSEPORT = 15
SIOCUNIXFILE = 0x89E0  # linux/un.h


def bound(words: list[str], ids: Ids | None) -> int:
    """A descriptor of the socket, listening and close-on-exec; ids: the server's user.  Raises OSError."""
    _, kind, address, port, backlog, option = words
    family = _socket.AF_UNIX if kind == "unix" else _socket.AF_INET6 if ":" in address else _socket.AF_INET
    listener = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        if kind == "unix":
            _bind_file(listener, address, int(option, 8), ids)
        else:
            _bind_tcp(listener, address, int(port), option == "reuseport")
        listener.listen(int(backlog))
        return listener.detach()
    finally:
        listener.close()


def kept(fd: int, words: list[str], ids: Ids | None) -> bool:
    """Make a held socket listen as conf wants it now; False: it was shut down or its file is gone, so replace it.

    Servers shut a listening socket down to wake their own threads, and remove its file when they end.  A TCP socket
    listens again at the next listen(2), a unix socket never does.  Raises OSError.
    """
    _, kind, address, _, backlog, option = words
    if kind == "unix" and (is_shut(fd) or not _is_there(fd, address, int(option, 8), ids)):
        return False
    handle = _socket.socket(fileno=fd)
    try:
        handle.listen(int(backlog))
    finally:
        handle.detach()
    return True


def is_shut(fd: int) -> bool:
    """Has a process shut it down, in one direction or both?  That affects all processes that have it."""
    poll = select.poll()
    poll.register(fd, select.POLLRDHUP)  # POLLHUP comes unasked
    return bool(poll.poll(0))


def _bind_tcp(listener: _socket.socket, address: str, port: int, reuseport: bool) -> None:
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    if reuseport:
        listener.setsockopt(_socket.SOL_SOCKET, SO_REUSEPORT, 1)
    listener.bind((address, port))


def _bind_file(listener: _socket.socket, path: str, mode: int, ids: Ids | None) -> None:
    place, name = _beside(path, ids)
    umask = os.umask(0o777 & ~mode)
    try:
        _bind_below(listener, place, name, path)
        _give(listener.fileno(), place, name, mode, ids)
    finally:
        os.umask(umask)
        os.chdir("/")  # hold no server's file system
        place.close()


def _beside(path: str, ids: Ids | None) -> tuple[Place, str]:
    """As places.beside, but raises OSError if the file system may not answer."""
    try:
        return places.beside(path, ids)
    except NoAnswer:
        raise OSError(errno.EHOSTDOWN, "it is on a file system that may not answer") from None


def _bind_below(listener: _socket.socket, place: Place, name: str, path: str) -> None:
    """Bind it.  If others may put a link on the path, bind the name below the directory that we hold open."""
    os.chdir(place.fd)
    address = name if place.swappable else path
    try:
        with place.acting:
            listener.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.fd)
        try:
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                raise OSError(errno.EEXIST, "there is a file that is no socket") from None
            if not _stale(fd):
                raise
        finally:
            os.close(fd)
        with place.acting:
            os.unlink(name, dir_fd=place.fd)
            listener.bind(address)


def _stale(file: int) -> bool:
    """Is this the file of a socket that no process has any more?

    Connect with the wrong socket type: a live listener refuses that with EPROTOTYPE and does not notice it.
    """
    caller = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        return caller.connect_ex(f"/proc/self/fd/{file}") == errno.ECONNREFUSED
    finally:
        caller.close()


def _is_there(fd: int, path: str, mode: int, ids: Ids | None) -> bool:
    """Does the path still lead to the file that this socket made?  If so, set its mode and owner."""
    try:
        place, name = _beside(path, ids)
    except OSError:
        return False
    try:
        return _give(fd, place, name, mode, ids)
    finally:
        place.close()


def _give(fd: int, place: Place, name: str, mode: int, ids: Ids | None) -> bool:
    """Set the file's mode and owner; if conf names no user, the owner stays as it is.

    False: the file is gone.  The kernel knows which file the socket has made, by device and inode, so we touch no other
    file of that name.  If we may not ask, we trust the name in a directory that only root or we may change.
    """
    file = _file_of(fd)
    try:
        is_now = os.stat(name, dir_fd=place.fd, follow_symlinks=False)
        if not stat.S_ISSOCK(is_now.st_mode):
            return False
        if file < 0:
            if place.swappable:
                return True
            file = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.fd)
        status = os.fstat(file)
        if (status.st_dev, status.st_ino) != (is_now.st_dev, is_now.st_ino):
            return False
        _change(file, status, mode, ids)
        return True
    except FileNotFoundError:
        return False
    finally:
        if file >= 0:
            os.close(file)


def _file_of(fd: int) -> int:
    """A descriptor (O_PATH) of the file that the socket is bound to; -1: we lack CAP_NET_ADMIN and may not ask."""
    try:
        return fcntl.ioctl(fd, SIOCUNIXFILE)
    except OSError:
        return -1


def _change(file: int, status: os.stat_result, mode: int, ids: Ids | None) -> None:
    uid, gid = (ids.uid, ids.gid) if ids else (-1, -1)
    if uid not in (-1, status.st_uid) or gid not in (-1, status.st_gid):
        os.chown(f"/proc/self/fd/{file}", uid, gid)
    if stat.S_IMODE(status.st_mode) != mode:
        os.chmod(f"/proc/self/fd/{file}", mode)
