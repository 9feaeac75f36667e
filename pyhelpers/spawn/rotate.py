"""Set a dead server's logs aside: into oldlog/, by rename, never over another file.

A restart never waits for a disk: where oldlog is on another file system a log is only
renamed in place (NAME.to-oldlog), and carried over later, outside the loop, by carry().
Everything goes through descriptors of the two directories, so that a link slipped in
cannot lead the way elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from base import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ASIDE = ".to-oldlog"
NO_LINK = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def move_logs(directory: str, patterns: Sequence[str], oldlog: str) -> tuple[int, list[str]]:
    """Rename what fits the patterns into oldlog: how many moved, and what must be said.

    oldlog: a name in directory, or an absolute path.  Raises nothing: a start goes on.
    """
    try:
        here = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        return 0, [f"logs in {directory}: {error.strerror}"]
    try:
        found = [name for name in globs.names(here, patterns) if _movable(name, here)]
        return _move(found, here, oldlog) if found else (0, [])
    except OSError as error:
        return 0, [f"logs not moved into {oldlog}: {error.strerror}"]
    finally:
        os.close(here)


def _movable(name: str, here: int) -> bool:
    return not stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode)


def _move(found: list[str], here: int, oldlog: str) -> tuple[int, list[str]]:
    there = _open_oldlog(here, oldlog)
    remarks = []
    moved = 0
    try:
        for name in found:
            try:
                _rename(name, here, there)
                moved += 1
            except OSError as error:
                remarks.append(f"{name} not moved into {oldlog}: {error.strerror}")
    finally:
        os.close(there)
    return moved, remarks


def _open_oldlog(here: int, oldlog: str) -> int:
    try:
        return os.open(oldlog, NO_LINK, dir_fd=here)
    except FileNotFoundError:
        os.mkdir(oldlog, 0o755, dir_fd=here)
        return os.open(oldlog, NO_LINK, dir_fd=here)


def _rename(name: str, here: int, there: int) -> None:
    try:
        os.rename(name, free_name(name, there), src_dir_fd=here, dst_dir_fd=there)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        os.rename(name, free_name(name + ASIDE, here), src_dir_fd=here, dst_dir_fd=here)


def free_name(name: str, directory: int) -> str:
    """The name, or name.1, name.2 …: the first that nothing in the directory has."""
    candidate, number = name, 0
    while True:
        try:
            os.stat(candidate, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return candidate
        number += 1
        candidate = f"{name}.{number}"


def tidy(directory: str, oldlog: str, keep: str) -> list[str]:
    """Carry over what could only be set aside, then keep what oldlog_keep says; what must be said.

    keep: "count N" or "age SECONDS".  For an errand: it copies, and may take its time.
    """
    here = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        there = _open_oldlog(here, oldlog)
    except OSError as error:
        os.close(here)
        return [f"{oldlog}: {error.strerror}"]
    remarks = carry(here, there, oldlog)
    prune(there, keep)
    os.close(there)
    os.close(here)
    return remarks


def carry(here: int, there: int, oldlog: str) -> list[str]:
    """Copy NAME.to-oldlog into the other file system, whole or not at all; what could not be."""
    remarks = []
    for name in os.listdir(here):
        stem, mark, _ = name.rpartition(ASIDE)
        if not mark:
            continue
        try:
            _copy(name, here, free_name(stem, there), there)
            os.unlink(name, dir_fd=here)
        except OSError as error:
            remarks.append(f"{name} waits beside {oldlog}: {error.strerror}")
    return remarks


def _copy(name: str, here: int, target: str, there: int) -> None:
    part = f".{target}.part"
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=here)
    copy = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644, dir_fd=there)
    try:
        while os.sendfile(copy, source, None, 1 << 20):
            pass
        os.fsync(copy)
        os.rename(part, target, src_dir_fd=there, dst_dir_fd=there)
    except OSError:
        os.unlink(part, dir_fd=there)
        raise
    finally:
        os.close(source)
        os.close(copy)


def prune(there: int, keep: str) -> None:
    """Delete the oldest files of oldlog: all but the newest N, or those older than the age."""
    kind, _, amount = keep.partition(" ")
    aged = sorted((os.stat(name, dir_fd=there, follow_symlinks=False).st_mtime, name) for name in os.listdir(there))
    if kind == "count":
        doomed = aged[: max(0, len(aged) - int(amount))]
    else:
        doomed = [entry for entry in aged if entry[0] < time.time() - int(amount)]
    for _, name in doomed:
        try:
            os.unlink(name, dir_fd=there)
        except IsADirectoryError:
            pass  # somebody's own; not ours to delete
