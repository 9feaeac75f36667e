"""The file that we keep for the output of a server: STATE_DIR/output/NAME.log; NAME,2.log for another of that name.

We open it, so the server needs no right to reach it.  It belongs to the server's user, so that a program may open
/dev/stdout again.  No one else than us can make or rename a file in its directory.
"""

from __future__ import annotations

import os
import stat

from base import files
from state.paths import make_private, output_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.ids import Ids
    from proc.server import Server

GROWTH = 2 << 20  # bytes that a log may grow from the moment when it is due until its head is cut off
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def name_of(server: str) -> str:
    """The name of its log."""
    return f"{server}.log"


def path_of(server: Server, state_dir: str) -> str:
    """The file of its output, kept or not; /dev/null for none."""
    if server.keeps_output:
        return f"{output_directory(state_dir)}/{name_of(server.kept_in)}"
    return server.launch.output


def opened(state_dir: str, server: str, ids: Ids | None) -> int:
    """A descriptor that appends to the log of this server.  ids: the server's user, if it has one of its own.

    Raises OSError.
    """
    path = f"{output_directory(state_dir)}/{name_of(server)}"
    try:
        fd = os.open(path, FLAGS, files.PRIVATE)
    except FileNotFoundError:
        make_private(output_directory(state_dir))
        fd = os.open(path, FLAGS, files.PRIVATE)
    try:
        _give(fd, ids)
        os.set_blocking(fd, True)
    except OSError:
        os.close(fd)
        raise
    return fd


def read(state_dir: str, server: str, begin: int, end: int) -> bytes:
    """These bytes of the log of this server; fewer if it has been cut meanwhile.  Raises OSError."""
    path = f"{output_directory(state_dir)}/{name_of(server)}"
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.pread(fd, end - begin, begin)
    finally:
        os.close(fd)


def _give(fd: int, ids: Ids | None) -> None:
    """Make the file the user's, if we may."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError("not a regular file")
    if ids and ids.uid >= 0 and status.st_uid != ids.uid and os.geteuid() == 0:
        os.fchown(fd, ids.uid, ids.gid)


def is_there(fd: int) -> bool:
    """Has the file still a name?  Someone may have deleted it."""
    return os.fstat(fd).st_nlink > 0


def due_at(most: int) -> int:
    """The size in bytes from which a log of at most `most` bytes is to be turned over: it grows until we have."""
    return max(most // 2, most - GROWTH)


def allocated(status: os.stat_result) -> int:
    """Bytes of a log that count: neither its holes, nor what xfs has allocated in advance."""
    return min(status.st_size, status.st_blocks * 512)


def is_due(fd: int, most: int) -> bool:
    """Is this log so large that it must be turned over?  most: bytes, 0 for no limit."""
    return most > 0 and allocated(os.fstat(fd)) >= due_at(most)
