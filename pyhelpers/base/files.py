"""Replace a file by rename: whenever we are killed, either the old or the new file is there, and complete.

There is no fsync: a start would have to wait for the journal of the disk.  Source: rename(2), open(2).
"""

from __future__ import annotations

import errno
import os

PRIVATE = 0o600


def replace(path: str, content: str | bytes, mode: int = PRIVATE, fresh: str = "", group: int = -1) -> None:
    """Write content as path, by rename.

    content: text is encoded as UTF-8 with surrogateescape.  mode: of the new file; the umask does not change it.
    group: its gid; -1: that of any new file.  fresh: its temporary name, path + ".new" by default; concurrent writers
    need different ones.
    Raises OSError: the old file is then unchanged, and fresh is removed.
    """
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
    fresh = fresh or f"{path}.new"
    fd = _create(fresh)
    try:
        try:
            if group >= 0 and os.fstat(fd).st_gid != group:
                os.fchown(fd, -1, group)
            os.fchmod(fd, mode)
            write_whole(fd, raw)
        finally:
            os.close(fd)
        os.rename(fresh, path)
    except OSError:
        unlink_quietly(fresh)
        raise


def _create(path: str) -> int:
    """Create a new file; never open an existing one, which may be a hard link.  Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, PRIVATE)
    except FileExistsError:
        os.unlink(path)  # a killed process of ours left it
        return os.open(path, flags, PRIVATE)


def write_whole(fd: int, raw: bytes) -> None:
    """Write all of it.  Raises OSError; ENOSPC if a full disk took only a part of it."""
    if os.write(fd, raw) < len(raw):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def unlink_quietly(path: str) -> None:
    """Remove a file if it exists and we may remove it."""
    try:
        os.unlink(path)
    except OSError:
        pass  # nothing more can be done
