"""Set a dead server's logs aside: into oldlog/, by rename, never over another file.

A restart never waits for a disk: where oldlog is on another file system a log is only
renamed in place (NAME.to-oldlog), and carried over later, outside the loop, by tidy().
Everything goes through descriptors of the two directories, so that a link slipped in
cannot lead the way elsewhere; and where others than root may change one of them, root
does it as the server's user.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from base import globs, mounts, places
from base.places import NoAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from base.ids import Ids
    from base.places import Place

ASIDE = ".to-oldlog"
PIECE = 1 << 20
# Of one log at most so much is carried over: holes count for nothing, and a disk is not filled with one file
MOST_CARRIED = 16 << 30


def move_logs(
    directory: str, patterns: Sequence[str], oldlog: str, ids: Ids | None = None, here: Place | None = None
) -> tuple[int, list[str]]:
    """Rename what fits the patterns into oldlog: how many moved, and what must be said.

    oldlog: a name in directory, or an absolute path.  ids: the server's user.  here: the directory, where it is open
    already, and then nothing is waited for.  Raises nothing: a start goes on.
    """
    try:
        if here:
            return _move_below(here, patterns, oldlog, ids, patient=False)
        with places.opened(directory, ids, patient=True) as place:
            return _move_below(place, patterns, oldlog, ids, patient=True)
    except OSError as error:
        return 0, [f"logs in {directory}: {error.strerror}"]


def _move_below(
    here: Place, patterns: Sequence[str], oldlog: str, ids: Ids | None, patient: bool
) -> tuple[int, list[str]]:
    remarks = []
    try:
        found = _listed(here, patterns, 0 if patient else globs.MOST_NAMES)
    except globs.TooMany as many:
        found = many.found
        remarks.append(f"{here.real} holds {many}; what else it holds is not moved into {oldlog}")
    found = [name for name in found if _movable(name, here.fd)]
    if not found:
        return 0, remarks
    try:
        there: Place | None = _open_oldlog(here, oldlog, ids, patient and mounts.are_above(here.real))
    except NoAnswer:
        there = None  # set aside, and carried over when it answers
    except OSError as error:
        return 0, [*remarks, f"logs not moved into {oldlog}: {error.strerror}"]
    moved = 0
    for name, refusal in _rename(found, here, there):
        if refusal:
            remarks.append(f"{_shown(name)} not moved into {oldlog}: {refusal.strerror}")
        else:
            moved += 1
    if there:
        there.close()
    return moved, remarks


def _listed(here: Place, patterns: Sequence[str], most: int) -> list[str]:
    listing = here.listable()
    try:
        return globs.names(listing, patterns, most)
    finally:
        os.close(listing)


def _movable(name: str, directory: int) -> bool:
    try:
        return not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False  # gone meanwhile


def _open_oldlog(here: Place, oldlog: str, ids: Ids | None, patient: bool) -> Place:
    """Open it, made where it is not there; a link in its place is refused."""
    path = oldlog if oldlog.startswith("/") else f"{here.real}/{oldlog}"
    holder, name = places.beside(path, ids, patient)
    with holder:
        status = _status(name, holder.fd)
        if status is None:
            os.mkdir(name, 0o755, dir_fd=holder.fd)
        elif not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return places.opened(f"{holder.real}/{name}", ids, patient)


def _status(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _rename(found: Sequence[str], here: Place, there: Place | None) -> Iterator[tuple[str, OSError | None]]:
    """Rename each into there; aside, where that is None or another file system.  Each name with what was refused."""
    free_here, free_there = _Free(here), _Free(there) if there else None
    for name in found:
        try:
            if not (there and free_there and _renamed(name, here, free_there.name(name), there)):
                _renamed(name, here, free_here.name(name + ASIDE), here)
        except OSError as error:
            yield name, error
        else:
            yield name, None


def _renamed(name: str, here: Place, target: str, there: Place) -> bool:
    """False: there is another file system.  Raises OSError."""
    try:
        os.rename(name, target, src_dir_fd=here.fd, dst_dir_fd=there.fd)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


class _Free:
    """Names that nothing in a directory has: NAME, or NAME.1, NAME.2 …; it is listed once, when a name is taken."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._numbers: dict[str, int] | None = None

    def name(self, name: str) -> str:
        """The name itself, or with the number after the greatest that is there.  Raises OSError."""
        if _status(name, self._place.fd) is None:
            return name
        if self._numbers is None:
            self._numbers = {}
            for other in _all_names(self._place):
                stem, _, number = other.rpartition(".")
                if number.isascii() and number.isdigit() and len(number) < 10:
                    self._numbers[stem] = max(int(number), self._numbers.get(stem, 0))
        self._numbers[name] = self._numbers.get(name, 0) + 1
        return f"{name}.{self._numbers[name]}"


def _all_names(place: Place) -> list[str]:
    listing = place.listable()
    try:
        return os.listdir(listing)
    finally:
        os.close(listing)


def tidy(directory: str, oldlog: str, keep: str, ids: Ids | None = None, patient: bool = False) -> list[str]:
    """Carry over what could only be set aside, then keep what oldlog_keep says; what must be said.

    keep: "count N" or "age SECONDS".  For a child: it copies, and may take its time.  One file that is refused holds up
    no other.  Raises NoAnswer, unless it may be patient.
    """
    remarks: list[str] = []
    try:
        with places.opened(directory, ids, patient) as here:
            aside = sorted(name for name in _all_names(here) if name.rpartition(ASIDE)[1])
            there = _open_oldlog(here, oldlog, ids, patient)
            with there:
                remarks += _carry(aside, here, there, oldlog)
                remarks += _prune(there, keep, oldlog)
    except OSError as error:
        remarks.append(f"{oldlog}: {error.strerror}")
    return remarks


def _carry(aside: Sequence[str], here: Place, there: Place, oldlog: str) -> Iterator[str]:
    """Copy NAME.to-oldlog into the other file system, whole or not at all; what could not be."""
    free = _Free(there)
    for name in aside:
        try:
            _copy(name, here, free.name(name.rpartition(ASIDE)[0]), there)
            os.unlink(name, dir_fd=here.fd)
        except OSError as error:
            yield f"{_shown(name)} waits beside {oldlog}: {error.strerror}"


def _copy(name: str, here: Place, target: str, there: Place) -> None:
    part = f".{target}.part"
    source = here.regular(name)
    try:
        copy = _fresh(part, there.fd)
        try:
            _copy_data(source, copy)
            os.fsync(copy)
            os.rename(part, target, src_dir_fd=there.fd, dst_dir_fd=there.fd)
        except OSError:
            os.unlink(part, dir_fd=there.fd)
            raise
        finally:
            os.close(copy)
    finally:
        os.close(source)


def _fresh(part: str, there: int) -> int:
    """A new file, never one that was put there: that might be a link, or a hard link to another."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | places.ONLY_A_FILE
    try:
        return os.open(part, flags, 0o644, dir_fd=there)
    except FileExistsError:
        os.unlink(part, dir_fd=there)  # left by one of us that was killed
        return os.open(part, flags, 0o644, dir_fd=there)


def _copy_data(source: int, copy: int) -> None:
    """Copy the extents that hold data, see lseek(2): holes stay holes, and do not fill the other disk."""
    size = os.fstat(source).st_size
    at = left = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # only a hole is left
        end = min(os.lseek(source, at, os.SEEK_HOLE), size)
        left += end - at
        if left > MOST_CARRIED:
            raise OSError(errno.EFBIG, f"larger than {MOST_CARRIED >> 30}G")
        os.lseek(source, at, os.SEEK_SET)
        os.lseek(copy, at, os.SEEK_SET)
        while at < end:
            sent = os.sendfile(copy, source, None, min(PIECE, end - at))
            if not sent:
                break  # it became shorter meanwhile
            at += sent
        at = end
    os.truncate(copy, size)


def _prune(there: Place, keep: str, oldlog: str) -> Iterator[str]:
    """Delete the oldest files of oldlog: all but the newest N, or those older than the age; what could not be."""
    kind, _, amount = keep.partition(" ")
    found = [(status.st_mtime, name) for name in _all_names(there) if (status := _file_status(name, there.fd))]
    aged = sorted(found)
    if kind == "count":
        doomed = aged[: max(0, len(aged) - int(amount))]
    else:
        doomed = [entry for entry in aged if entry[0] < time.time() - int(amount)]
    for _, name in doomed:
        try:
            os.unlink(name, dir_fd=there.fd)
        except FileNotFoundError:
            pass  # someone else has deleted it
        except OSError as error:
            yield f"{_shown(name)} stays in {oldlog}: {error.strerror}"


def _file_status(name: str, directory: int) -> os.stat_result | None:
    """None for a directory, which is someone's own and not ours to delete, and for what is gone."""
    status = _status(name, directory)
    return None if status is None or stat.S_ISDIR(status.st_mode) else status


def _shown(name: str) -> str:
    """A name in one line, whatever a stranger put into it."""
    return name if name.isprintable() else ascii(name)[1:-1]
