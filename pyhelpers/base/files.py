"""Replace a file: the old one or the new one is there, whole, whenever we are killed.

No fsync: a start would have to wait for the journal of the disk.  Source: rename(2), open(2).
"""

from __future__ import annotations

import errno
import os

PRIVATE = 0o600


def replace(path: str, content: str | bytes, mode: int = PRIVATE, fresh: str = "") -> None:
    """Write content as path, by rename.

    content: text is encoded as UTF-8; bytes of names that are no UTF-8 come out as they came in.  mode: of the new
    file, whatever the umask.  fresh: the name that it has until it is whole, path + ".new" unless given; for several
    writers at once, one of its own for each.  Raises OSError: the old file is then unhurt, and fresh is gone.
    """
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
    fresh = fresh or f"{path}.new"
    fd = _create(fresh)
    try:
        try:
            os.fchmod(fd, mode)
            write_whole(fd, raw)
        finally:
            os.close(fd)
        os.rename(fresh, path)
    except OSError:
        unlink_quietly(fresh)
        raise


def _create(path: str) -> int:
    """A new file, never one that was put there: that might be a hard link to another.  Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, PRIVATE)
    except FileExistsError:
        os.unlink(path)  # left by one of us that was killed
        return os.open(path, flags, PRIVATE)


def write_whole(fd: int, raw: bytes) -> None:
    """Write all of it.  Raises OSError, ENOSPC where a full disk took a part of it."""
    if os.write(fd, raw) < len(raw):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def unlink_quietly(path: str) -> None:
    """Take a file away, if it is there and may be taken away."""
    try:
        os.unlink(path)
    except OSError:
        pass  # nothing more can be done
