"""The directory in memory that has the copies of a server's secrets, as long as the server is not stopped.

    drwx--x--x root  /run/monitor.sh/                       for an ordinary user below XDG_RUNTIME_DIR
    drwx--x--x root  /run/monitor.sh/NAME.1a2b3c4d/         root mounts a file system of its own there, without swap
    drwx------ www   /run/monitor.sh/NAME.1a2b3c4d/now/     CREDENTIALS_DIRECTORY
    -r-------- www   /run/monitor.sh/NAME.1a2b3c4d/now/db_password
    drwx------ www   /run/monitor.sh/NAME.1a2b3c4d/before/  of the run before, so that its last words can be starred

The server's user owns the innermost directories, and may put anything there.  So we make a new one complete before the
user gets it, and empty an old one without following a link.  No one but us can change what is above them; on a file
system of its own, the user fills up no one else's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from binascii import crc32

from base import files, memory_fs, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from base.ids import Ids

SIZE, INODES = 16 << 20, 1000
MOST_LEVELS = 50
READABLE = 0o400
LISTING = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NOW, BEFORE, NEXT = "now", "before", "next"


def _homes() -> list[str]:
    """Where such directories may be, the best place first."""
    uid = os.geteuid()
    first = "/run" if uid == 0 else os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    return [f"{first}/monitor.sh", f"/dev/shm/monitor.sh-{uid}"]


def _key(record_directory: str) -> str:
    """The name of a server's directory.  record_directory: where its record is, absolute."""
    name = record_directory.rpartition("/")[2]
    return f"{name}.{crc32(os.fsencode(record_directory)):08x}"


def _paths(record_directory: str) -> list[str]:
    key = _key(record_directory)
    return [f"{home}/{key}" for home in _homes() if _is_ours(home)]


def existing(record_directory: str) -> str:
    """The path of a server's directory; "" if there is none."""
    return next((path for path in _paths(record_directory) if os.path.isdir(path)), "")


def names() -> list[str]:
    """The names of all such directories of ours."""
    return [name for home in _homes() if _is_ours(home) for name in os.listdir(home)]


def of_this_run(record_directory: str) -> str:
    """The path of the copies that are there; "" if there are none."""
    path = existing(record_directory)
    return f"{path}/{NOW}" if path and os.path.isdir(f"{path}/{NOW}") else ""


def run_of(record_directory: str) -> int:
    """A number by which remove() knows the copies of this run; 0 if there are none."""
    path = existing(record_directory)
    try:
        return os.lstat(f"{path}/{NOW}").st_ino if path else 0
    except OSError:
        return 0


def _is_ours(path: str) -> bool:
    """Is it a directory that only we may change?"""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def renew(record_directory: str, secrets: Mapping[str, bytes], ids: Ids | None, is_same_run: bool = False) -> str:
    """Copy the secrets into a new directory of the user ids; return its path.  Raises OSError.

    is_same_run: what is there is of this run, for its start_pre has used it, and not of the run before.
    """
    path, turn = _make(record_directory)
    here = os.open(path, LISTING)
    try:
        _remove(here, NEXT)
        if not is_same_run:
            _remove(here, BEFORE)
        _fill(here, secrets, ids)
        if is_same_run:
            _remove(here, NOW)
        else:
            _set_aside(here)
        os.rename(NEXT, NOW, src_dir_fd=here, dst_dir_fd=here)
    finally:
        os.close(here)
        os.close(turn)
    return f"{path}/{NOW}"


def _set_aside(here: int) -> None:
    try:
        os.rename(NOW, BEFORE, src_dir_fd=here, dst_dir_fd=here)
    except FileNotFoundError:
        pass  # the first run


def _fill(here: int, secrets: Mapping[str, bytes], ids: Ids | None) -> None:
    os.mkdir(NEXT, 0o700, dir_fd=here)
    fresh = os.open(NEXT, LISTING, dir_fd=here)
    try:
        for name, content in secrets.items():
            _write(fresh, name, content, ids)
        _give(fresh, ids)
    finally:
        os.close(fresh)


def _make(record_directory: str) -> tuple[str, int]:
    """Make the directory of a server, in memory, and what is above it; return its path, and the lock of _turn().

    Raises OSError.
    """
    objections = []
    for home in _homes():
        try:
            path, turn = _made_in(home, _key(record_directory))
        except OSError as error:
            objections.append(f"{home}: {error.strerror}")
            continue
        if memory_fs.holds(path):
            return path, turn
        os.rmdir(path)
        os.close(turn)
        objections.append(f"{os.path.dirname(home)} is on a disk")
    best = os.path.dirname(_homes()[0])
    words = f"no file system in memory to keep them in: {', '.join(objections)}; mount a tmpfs on {best}"
    raise OSError(errno.ENODEV, words)


def _turn(home: str) -> int:
    """Wait for our turn to change what is in there: the server's user cannot open it, and so not lock it either."""
    fd = os.open(home, LISTING)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def _made_in(home: str, key: str) -> tuple[str, int]:
    """Root, if it may, mounts a file system of its own there."""
    is_root = os.geteuid() == 0
    mode = 0o711 if is_root else 0o700
    _make_ours(home, mode)
    turn = _turn(home)
    path = f"{home}/{key}"
    try:
        is_new = _make_ours(path, mode)
    except OSError:
        os.close(turn)
        raise
    if is_root and (is_new or not memory_fs.holds(path)):
        memory_fs.mount(path, SIZE, INODES)
    return path, turn


def _make_ours(path: str, mode: int) -> bool:
    """Make a directory that only we may change; False: it was there.  Raises OSError: it is another user's."""
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not _is_ours(path):
            raise PermissionError(errno.EPERM, "others may change it; remove it") from None
        return False
    os.chmod(path, mode)
    return True


def _write(directory: int, name: str, content: bytes, ids: Ids | None) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, READABLE, dir_fd=directory)
    try:
        os.fchmod(fd, READABLE)
        files.write_whole(fd, content)
        _give(fd, ids)
    finally:
        os.close(fd)


def _give(fd: int, ids: Ids | None) -> None:
    if ids and os.geteuid() == 0:
        os.fchown(fd, ids.uid, ids.gid)


def remove(record_directory: str, run: int) -> str:
    """Remove a server's secrets, unless a later run than this has renewed them: run_of().

    Returns what could not be removed, and why; "" if all is gone.
    """
    for path in _paths(record_directory):
        try:
            turn = _turn(os.path.dirname(path))
        except OSError:
            continue
        try:
            if os.path.isdir(path) and run_of(record_directory) in (run, 0):
                _take_down(path)
        except OSError as error:
            return f"its secrets in {path} cannot be removed: {error.strerror}; remove them"
        finally:
            os.close(turn)
    return ""


def put_back(record_directory: str, run: int) -> str:
    """Make the copies of the run before those of the present run again, if that run is the one meant.

    The new process for which they were renewed has failed, beside an old one that goes on.  Returns what went wrong.
    """
    for path in _paths(record_directory):
        try:
            turn = _turn(os.path.dirname(path))
        except OSError:
            continue
        try:
            _go_back(path, run)
        except OSError as error:
            return f"its secrets in {path} cannot be put back: {error.strerror}; restart it"
        finally:
            os.close(turn)
    return ""


def _go_back(path: str, run: int) -> None:
    try:
        here = os.open(path, LISTING)
    except FileNotFoundError:
        return
    try:
        if os.stat(BEFORE, dir_fd=here, follow_symlinks=False).st_ino == run:
            _remove(here, NOW)
            os.rename(BEFORE, NOW, src_dir_fd=here, dst_dir_fd=here)
    except FileNotFoundError:
        pass  # it was not renewed
    finally:
        os.close(here)


def _take_down(path: str) -> None:
    here = os.open(path, LISTING)
    try:
        _empty(here)
        is_mounted = os.fstat(here).st_dev != os.stat(os.path.dirname(path)).st_dev
    finally:
        os.close(here)
    if is_mounted:
        memory_fs.unmount(path)
    os.rmdir(path)


def _remove(directory: int, name: str) -> None:
    """Remove a directory with all that is in it, if it is there.  Raises OSError."""
    try:
        fd = os.open(name, LISTING, dir_fd=directory)
    except FileNotFoundError:
        return
    try:
        _empty(fd)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=directory)


def _empty(directory: int, level: int = 0) -> None:
    """Remove what is in a directory that another user may change meanwhile.  Raises OSError."""
    if level > MOST_LEVELS:
        raise OSError(errno.ELOOP, "too many directories in one another")
    for name in os.listdir(directory):
        try:
            os.unlink(name, dir_fd=directory)
        except IsADirectoryError:
            fd = os.open(name, LISTING, dir_fd=directory)
            try:
                _empty(fd, level + 1)
            finally:
                os.close(fd)
            os.rmdir(name, dir_fd=directory)
        except FileNotFoundError:
            pass  # its user was faster


def copies(record_directory: str, which: str, names: Iterable[str]) -> dict[str, bytes]:
    """What the copies of these secrets say, of those that are there.  which: of the run NOW, or of that BEFORE."""
    path = existing(record_directory)
    try:
        here = os.open(f"{path}/{which}", LISTING) if path else -1
    except OSError:
        here = -1
    if here < 0:
        return {}
    try:
        found = {name: _copy(here, name) for name in names}
        return {name: content for name, content in found.items() if content is not None}
    finally:
        os.close(here)


def _copy(directory: int, name: str) -> bytes | None:
    try:
        fd = places.open_regular(name, directory)
    except OSError:
        return None
    try:
        return os.read(fd, SIZE)
    finally:
        os.close(fd)
