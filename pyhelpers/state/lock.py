"""Who holds this lock file?  flock(2) on a close-on-exec descriptor: no server can inherit it.

A process that can open the lock can hold it, so members of `control_group` may not open it.  They try the mailbox of
the monitor that the record names: they can open it for writing only while that
monitor lives.  Its shell holds it open, so this also shows a monitor between two helpers, while the lock is free.
"""

from __future__ import annotations

import fcntl
import os

from config import settled
from state import record

UNREADABLE = "0"  # the lock is held; its holder is just writing its pid, or a full disk did not take that


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
        holder = holder_of(f"{directory}/lock") or _between_helpers(directory)
        return _noted(directory) or holder if holder == UNREADABLE else holder
    except PermissionError:
        return _noted(directory)


def mailbox_of(directory: str, monitor: str) -> str:
    """The mailbox of the monitor that watches the server with this directory."""
    return f"{os.path.dirname(os.path.dirname(directory))}/monitors/{monitor}/mailbox"


def is_read(mailbox: str) -> bool:
    """Does the monitor live that reads this mailbox?"""
    try:
        os.close(os.open(mailbox, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _noted(directory: str) -> str:
    try:
        monitor = record.read(directory).get("monitor", "")
    except record.Torn:
        return ""
    return monitor if monitor and is_read(mailbox_of(directory, monitor)) else ""


def _between_helpers(directory: str) -> str:
    """The lock is free: does a monitor live that is to watch this server, and has just lost its helper?"""
    monitor = _noted(directory)
    if not monitor:
        return ""
    settled_conf = os.path.dirname(mailbox_of(directory, monitor)) + "/settled"
    try:
        names = [settings.get("kept_in", name) for name, settings in settled.read(settled_conf)]
    except (OSError, ValueError):
        return ""
    return monitor if os.path.basename(directory) in names else ""


def holder_of(path: str) -> str:
    """The pid of the process that holds this lock, UNREADABLE if it does not say; "": none.  Raises PermissionError."""
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
        return text if text.isdigit() else UNREADABLE
    finally:
        os.close(fd)
    return ""
