"""Set a dead server's logs aside: into oldlog/, by rename, never over another file.

A restart never waits for a disk: if oldlog is on another file system, we only rename the log
in place (NAME.to-oldlog); tidy() copies it later, outside the loop.  We use descriptors of the
two directories, so a link that someone puts there cannot lead us elsewhere.  If others than
root may change one of the directories, root acts as the server's user.
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
# The most data of one log that we copy, so that one file does not fill a disk; holes do not count
MOST_CARRIED = 16 << 30


def move_logs(
    directory: str, patterns: Sequence[str], oldlog: str, ids: Ids | None = None, here: Place | None = None
) -> tuple[int, list[str]]:
    """Rename the files that fit the patterns into oldlog; return how many moved, and remarks for a person.

    oldlog: a name in directory, or an absolute path.  ids: the server's user.  here: the directory, if it is open
    already; then this never blocks.  Raises nothing: a start goes on.
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
        there = _open_oldlog(here, oldlog, ids, patient and mounts.are_above(here.real))
    except NoAnswer:
        there = None  # set aside here, and copied when oldlog answers
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


def _open_oldlog(here: Place, oldlog: str, ids: Ids | None, patient: bool, may_make: bool = True) -> Place | None:
    """Open oldlog; if it is missing, make it, or, without may_make, return None.  Refuse a link in its place."""
    path = oldlog if oldlog.startswith("/") else f"{here.real}/{oldlog}"
    holder, name = places.beside(path, ids, patient)
    with holder:
        status = _status(name, holder.fd)
        if status is None and not may_make:
            return None
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
    """Rename each into there, or aside if that is None or another file system; yield each name and its error."""
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
    """Rename it; False: the target is on another file system.  Raises OSError."""
    try:
        os.rename(name, target, src_dir_fd=here.fd, dst_dir_fd=there.fd)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


class _Free:
    """Unused names in a directory: NAME, or NAME.1, NAME.2 …; it lists the directory once, when a name is taken."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._numbers: dict[str, int] | None = None

    def name(self, name: str) -> str:
        """The name itself if it is free, else with the number after the greatest one in use.  Raises OSError."""
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
    """Copy the logs that were set aside into oldlog, then prune it as oldlog_keep says; return remarks for a person.

    keep: "count N" or "age SECONDS".  Run it in a child: it copies, and may be slow.  A file that fails does not keep
    the others.  Raises NoAnswer, unless patient.
    """
    remarks: list[str] = []
    try:
        with places.opened(directory, ids, patient) as here:
            aside = sorted(name for name in _all_names(here) if name.rpartition(ASIDE)[1])
            there = _open_oldlog(here, oldlog, ids, patient, may_make=bool(aside))
            if there is None:
                return []
            with there:
                remarks += _carry(aside, here, there, oldlog)
                remarks += _prune(there, keep, oldlog)
    except OSError as error:
        remarks.append(f"{oldlog}: {error.strerror}")
    return remarks


def _carry(aside: Sequence[str], here: Place, there: Place, oldlog: str) -> Iterator[str]:
    """Copy each NAME.to-oldlog into the other file system, whole or not at all; yield a remark for each failure."""
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
    """Make a new file; never open an existing one, which might be a link, or a hard link to another file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | places.ONLY_A_FILE
    try:
        return os.open(part, flags, 0o644, dir_fd=there)
    except FileExistsError:
        os.unlink(part, dir_fd=there)  # an earlier copy was killed
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
    """Delete the oldest files of oldlog: all but the newest N, or those older than the age; yield remarks."""
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
    """The status of a file; None for a directory, which we never delete, and for what is gone."""
    status = _status(name, directory)
    return None if status is None or stat.S_ISDIR(status.st_mode) else status


def _shown(name: str) -> str:
    """The name, printable on one line, whatever characters it holds."""
    return name if name.isprintable() else ascii(name)[1:-1]
