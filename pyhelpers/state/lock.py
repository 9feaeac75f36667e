"""Who holds this lock file?  flock(2) on a close-on-exec descriptor: no server can inherit it.

Who may not open the lock, for whoever may open it may hold it, sees that somebody watches by the mailbox of the
monitor that the record names: it can be opened for writing only as long as it is read.
"""

from __future__ import annotations

import fcntl
import os

from state import record


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


def watcher_of(directory: str) -> str:
    """Pid of the monitor that watches the server with this directory, STATE_DIR/servers/NAME; "" if none does."""
    try:
        return holder_of(f"{directory}/lock")
    except PermissionError:
        return _noted(directory)


def _noted(directory: str) -> str:
    try:
        monitor = record.read(directory).get("monitor", "")
        state_dir = os.path.dirname(os.path.dirname(directory))
        os.close(os.open(f"{state_dir}/monitors/{monitor}/mailbox", os.O_WRONLY | os.O_NONBLOCK))
    except (record.Torn, OSError):
        return ""
    return monitor


def holder_of(path: str) -> str:
    """The pid of who has locked this file, "0" if that cannot be read; "" if nobody has.  Raises PermissionError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError:
        raise
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
