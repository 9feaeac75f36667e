"""The last that a server wrote during one run, where it does not print into a log of ours: its file, or its newest log.

Call it in a child that is the server's user: these files may be on disks that do not answer, and the user may put links
in their places.  As root we read only below directories that no one else may change.
"""

from __future__ import annotations

import os
import stat
import time

from base import globs, last_words, places
from base.clock import TICKS_PER_SECOND, boot_seconds
from spawn.rotate import ASIDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from base.places import Place
    from config.server_settings import ServerSettings

TICK_SECONDS = 0.02  # by so much a time stamp of the kernel may come before what we compare it with


def text_of(server: ServerSettings, ticks: int, died: float, file: tuple[int, int], is_moved: bool) -> str:
    """What it wrote last, at most last_words.MOST bytes, for people; "" if nothing.

    ticks: when the run began, and died: the seconds when it had ended, both since boot.  file: where its output begins
    and ends in the file of `output`, -1 for the end of that file.  is_moved: the next start has moved its logs.
    """
    try:
        raw, is_cut = _of_file(server, *file)
        if not raw:
            raw, is_cut = _of_newest_log(server, ticks, died, is_moved)
    except OSError:
        return ""  # it is not there, or not ours to read
    return last_words.text_of(raw, is_cut, server.secrets)


def _of_file(server: ServerSettings, began: int, end: int) -> tuple[bytes, bool]:
    """What stands there in the file of `output`; and is that cut at its beginning?"""
    path = server.launch.output
    if path.startswith("/dev/"):
        return b"", False
    place, name = places.beside(path, None, patient=True)
    with place:
        return _end_of(place, name, began, end)


def _end_of(place: Place, name: str, began: int = 0, end: int = -1) -> tuple[bytes, bool]:
    if os.geteuid() == 0 and place.swappable:
        return b"", False
    fd = place.regular(name)
    try:
        size = os.fstat(fd).st_size
        end = min(end, size) if end >= 0 else size
        began = began if began <= size else 0  # it has been cut or emptied meanwhile
        at = max(began, end - last_words.MOST)
        return (os.pread(fd, end - at, at), at > began) if end > at else (b"", False)
    finally:
        os.close(fd)


def _of_newest_log(server: ServerSettings, ticks: int, dead: float, is_moved: bool) -> tuple[bytes, bool]:
    """The end of the newest of its logs that was written to during the run."""
    if not server.logs:
        return b"", False
    past = time.time() - boot_seconds()  # our clock when the machine booted
    began, died = past + ticks / TICKS_PER_SECOND, past + dead
    with places.opened(server.directory, None, patient=True) as here:
        path = server.oldlog if server.oldlog.startswith("/") else f"{here.real}/{server.oldlog}"
        kept = _newest(here, server.logs, began, died if is_moved else 0.0, is_moved)
        moved = _moved(path, server.logs, began, died) if is_moved else None
        if kept and (not moved or kept[0] >= moved[0]):
            return _end_of(here, kept[1])
    if not moved:
        return b"", False
    with places.opened(path, None, patient=True) as oldlog:
        return _end_of(oldlog, moved[1])


def _moved(path: str, patterns: Sequence[str], began: float, died: float) -> tuple[float, str] | None:
    try:
        with places.opened(path, None, patient=True) as oldlog:
            return _newest(oldlog, patterns, began, died)  # what lies there from earlier runs was moved before
    except OSError:
        return None  # nothing was ever moved


def _newest(
    place: Place, patterns: Sequence[str], written: float, moved: float, is_aside: bool = False
) -> tuple[float, str] | None:
    """When it was written to, and its name: of the log that was, and that was moved, at that time or later.

    is_aside: only of those that were set aside in place.
    """
    found = []
    listing = place.listable()
    try:
        for name in os.listdir(listing):
            if not _is_log(name, patterns) or (is_aside and ASIDE not in name):
                continue
            status = os.stat(name, dir_fd=place.fd, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and status.st_size:
                if status.st_mtime >= written - TICK_SECONDS and status.st_ctime >= moved - TICK_SECONDS:
                    found.append((status.st_mtime, name))
    finally:
        os.close(listing)
    return max(found, default=None)


def _is_log(name: str, patterns: Sequence[str]) -> bool:
    """Does it fit, with or without what spawn/rotate.py adds to a name?"""
    stem, _, number = name.rpartition(".")
    stems = {name, stem if number.isdecimal() else name}
    stems.update(each.removesuffix(ASIDE) for each in tuple(stems))
    return any(globs.fits(each, pattern) for each in stems for pattern in patterns)
