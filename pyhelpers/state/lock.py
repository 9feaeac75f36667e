"""Who holds this lock file?  flock(2) on a close-on-exec descriptor: no server can inherit it.

A process that can open the lock can hold it, so members of `control_group` may not open it.  They try the mailbox of
the monitor that the record names: they can open it for writing only while a monitor reads it.
"""

from __future__ import annotations

import fcntl
import os

from state import record


def take(path: str, owner: str) -> tuple[int, str]:
    """Lock the file and write owner (a pid) into it: (descriptor, ""), or (-1, pid of the holder).

    The lock ends with the descriptor, so it ends with the process in any case.  Raises OSError.
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
        pass  # a full disk: the lock still holds, but its file does not name us
    return fd, ""


def watcher_of(directory: str) -> str:
    """Pid of the monitor that watches the server with this directory (STATE_DIR/servers/NAME); "" if none does."""
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
    """The pid of the process that holds this lock, "0" if unknown; "" if it is free.  Raises PermissionError."""
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
