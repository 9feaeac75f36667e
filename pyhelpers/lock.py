"""Who holds this lock file?  flock(2) on a close-on-exec descriptor: no server can inherit it."""

from __future__ import annotations

import fcntl
import os


def take(path: str, owner: str) -> tuple[int, str]:
    """Lock the file and write owner (a pid) into it: (descriptor, ""), or (-1, who holds it).

    The lock ends with the descriptor, so with the process, however that ends.  Raises OSError.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(fd, 32).decode("ascii", "replace").strip()
        os.close(fd)
        return -1, holder or "?"
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{owner}\n".encode(), 0)
    except OSError:
        pass  # a full disk: the lock holds all the same, only nobody can read whose it is
    return fd, ""


def holder_of(path: str) -> str:
    """The pid of who has locked this file, "0" if that cannot be read; "" if nobody has."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(fd, 32).decode("ascii", "replace").strip()
        return text if text.isdigit() else "0"
    finally:
        os.close(fd)
    return ""
