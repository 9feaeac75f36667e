"""Wait, in a child, until a file appears: inotify(7) tells of changes in its directory, or the nearest one there is."""

from __future__ import annotations

import os
import time

from base import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.ids import Ids

THERE, NOT_YET = "there", "not yet"
# IN_ATTRIB, IN_MOVED_TO, IN_CREATE, IN_DELETE_SELF, IN_MOVE_SELF: from sys/inotify.h
CHANGES = 0x4 | 0x80 | 0x100 | 0x400 | 0x800
READ = 1 << 16  # bytes
BUSY = 0.02  # seconds between two looks in a directory that changes all the time


def exists(path: str, ids: Ids | None, patient: bool = False) -> bool:
    """Does anything exist at this absolute path?  patient: this process may block.  Raises places.NoAnswer."""
    try:
        place, name = places.found(path, ids, patient)
        with place:
            if name:
                os.stat(name, dir_fd=place.fd, follow_symlinks=False)
    except OSError:
        return False
    return True


def appears(path: str, ids: Ids | None, seconds: float) -> str:
    """THERE as soon as it exists, NOT_YET if it does not within so many seconds, "" if we cannot know.

    Only a child may call it.
    """
    import ctypes
    import select

    deadline = time.monotonic() + seconds
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if fd < 0:
        return ""
    ready = select.poll()
    ready.register(fd, select.POLLIN)
    while True:
        watched = libc.inotify_add_watch(fd, os.fsencode(_nearest(path)), CHANGES)
        if exists(path, ids, patient=True):  # looked at after the watch has begun
            return THERE
        left = deadline - time.monotonic()
        if watched < 0 or left <= 0:
            return NOT_YET if watched >= 0 else ""
        if ready.poll(left * 1000):
            time.sleep(BUSY)
            os.read(fd, READ)


def _nearest(path: str) -> str:
    """The directory in which the next change must come."""
    while True:
        path = os.path.dirname(path)
        if os.path.isdir(path) or path in ("/", ""):
            return path or "/"
