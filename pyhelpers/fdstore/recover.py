"""Take descriptors back from living processes: the servers still have open what a dead watcher held.

    $ cd pyhelpers; python3 -m fdstore.recover 812
    socket:[48213] 24591

lists the sockets of a process, with inode and cookie.  pidfd_getfd(2) copies a descriptor; it needs the same rights as
ptrace(2): the same user and, if Yama's ptrace_scope is 1 or more, root.  The inode number finds the socket in
/proc/PID/fd; the cookie (SO_COOKIE, which the kernel never uses twice) proves that it is the same socket.

Exit status: 0 · 1 it may not be examined, or is gone · 2 usage.
"""

from __future__ import annotations

import _socket
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Seal = tuple[int, int]  # inode, cookie

PIDFD_GETFD = 438  # the system call's number, the same on every machine
SO_COOKIE = 57
PATIENCE = 5.0  # seconds
_GOT, _REFUSED = b"+", b"-"


def seal_of(fd: int) -> Seal:
    """Inode and cookie of a socket.  Raises OSError."""
    handle = _socket.socket(fileno=fd)
    try:
        cookie = handle.getsockopt(_socket.SOL_SOCKET, SO_COOKIE, 8)
    finally:
        handle.detach()
    return os.fstat(fd).st_ino, int.from_bytes(cookie, sys.byteorder)


def fetch(wanted: Sequence[tuple[int, Seal]]) -> list[int | str]:
    """For each (pid, seal) a descriptor of ours, close-on-exec; or the reason for which there is none, as text.

    A child does it: the system call needs ctypes, which would cost a resident process 0.7 MiB permanently.
    """
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        try:
            for pid, seal in wanted:
                _send(theirs, pid, seal)
        finally:
            os._exit(0)
    theirs.close()
    ours.settimeout(PATIENCE)
    try:
        return [_receive(ours) for _ in wanted]
    finally:
        ours.close()
        os.kill(child, 9)  # our child, not reaped: no other process can have its pid
        os.waitpid(child, 0)


def _send(to: _socket.socket, pid: int, seal: Seal) -> None:
    try:
        fd = _copy(pid, seal)
    except OSError as error:
        to.send(_REFUSED + (error.strerror or str(error)).encode())
        return
    to.sendmsg([_GOT], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, fd.to_bytes(4, sys.byteorder))])
    os.close(fd)


def _receive(ours: _socket.socket) -> int | str:
    """The next answer of the child; a timeout or the death of the child is a refusal too."""
    try:
        text, extra, _, _ = ours.recvmsg(256, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC)
    except OSError as error:
        return error.strerror or str(error)
    if text == _GOT and extra:
        return int.from_bytes(extra[0][2][:4], sys.byteorder)
    return text[1:].decode() or "no answer"


def _copy(pid: int, seal: Seal) -> int:
    """A copy of the process's descriptor of that socket.  Raises OSError."""
    number = next((fd for fd, inode in sockets_of(pid) if inode == seal[0]), -1)
    if number < 0:
        raise OSError("it has closed it")
    pidfd = os.pidfd_open(pid)
    try:
        fd = _getfd(pidfd, number)
    finally:
        os.close(pidfd)
    if seal_of(fd) != seal:
        os.close(fd)
        raise OSError("it is another socket")
    return fd


def _getfd(pidfd: int, number: int) -> int:
    from ctypes import CDLL, get_errno  # an ImportError if Python finds no more of it than its directory

    libc = CDLL(None, use_errno=True)
    fd = int(libc.syscall(PIDFD_GETFD, pidfd, number, 0))
    if fd < 0:
        raise OSError(get_errno(), os.strerror(get_errno()))
    return fd


def sockets_of(pid: int) -> list[tuple[int, int]]:
    """Number and inode of each socket that the process has open.  Raises OSError."""
    directory = f"/proc/{pid}/fd"
    found = []
    for name in os.listdir(directory):
        try:
            target = os.readlink(f"{directory}/{name}")
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.startswith("socket:["):
            found.append((int(name), int(target[8:-1])))
    return found


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    if len(argv) != 1 or not argv[0].isdigit():
        print("usage: python3 -m fdstore.recover PID", file=sys.stderr)
        return 2
    try:
        pidfd = os.pidfd_open(int(argv[0]))
        for number, inode in sockets_of(int(argv[0])):
            print(f"socket:[{inode}] {seal_of(_getfd(pidfd, number))[1]}")
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
