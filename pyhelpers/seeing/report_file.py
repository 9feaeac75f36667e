"""Write a report into its file: by rename, with the mode and the group of the one before, into a safe directory.

A report tells what servers printed, so a new file is for its owner only.  Who gives it another mode or group, say for a
web server, keeps that: the next ones have it too.  As root we write only where no one else can change what the path
means.  Source: path_resolution(7), rename(2).
"""

from __future__ import annotations

import os
import stat

from base import files, places
from base.exits import FAILED, NO_PERMISSION, Refused
from seeing import unwritable

MODE, MOST_MODE = 0o600, 0o644


def write(path: str, raw: bytes) -> None:
    """Write it.  Raises Refused."""
    path = os.path.abspath(path)
    try:
        place, name = places.beside(path, patient=True)
        with place:
            _write(f"/proc/self/fd/{place.fd}/{name}", path, raw, place.swappable)
    except OSError as error:
        raise unwritable.refused(path, error) from None


def _write(here: str, path: str, raw: bytes, is_swappable: bool) -> None:
    if is_swappable:
        raise Refused(NO_PERMISSION, f"{path}: others may change its directory; name a file where only root writes")
    mode, group = _as_before(here, path)
    files.replace(here, raw, mode, f"{here}.{os.getpid()}.new", group)


def _as_before(here: str, path: str) -> tuple[int, int]:
    """The mode and the group of the file there; if there is none, that of a new one, and -1.  Raises OSError, Refused:
    it is a device, a directory or a link, which no rename must replace.
    """
    try:
        status = os.stat(here, follow_symlinks=False)
    except FileNotFoundError:
        return MODE, -1
    if not stat.S_ISREG(status.st_mode):
        raise Refused(FAILED, f"{path}: not a regular file, so a report cannot take its place; name another one")
    return stat.S_IMODE(status.st_mode) & MOST_MODE, status.st_gid
