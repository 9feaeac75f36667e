"""Open a directory without blocking, and without following a link that another user put there to mislead us.

We walk the path component by component, and open each below the one before with O_PATH|O_NOFOLLOW, which touches only
names.  We read and follow links ourselves, so a link that a server's user makes cannot lead us onto a file system that
may not answer (base/mounts.py).  If the mount table changes meanwhile, we repeat the walk.

From the first directory on that others than root may change, root continues as the user of the server (base/ids.py),
and is that user for all that happens below the result:

    with opened("/opt/im/msg_server", server.ids) as here:
        fd = here.regular("server.pid")
"""

from __future__ import annotations

import errno
import os
import stat

from base import mounts
from base.ids import Acting, Ids

STEP = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
MOST_LINKS = 40  # as the kernel's own, path_resolution(7)
MOST_WALKS = 10
ONLY_A_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NoAnswer(Exception):
    """The path is on a file system that may not answer; we have not touched it.

    path: as the caller gave it; real: the same without the links that come before that file system.
    """

    def __init__(self, path: str, real: str = "") -> None:
        super().__init__(f"{path} does not answer")
        self.path = path
        self.real = real or path


class Place:
    """A directory that is held open.

    fd: of O_PATH, for the calls that take dir_fd.  real: its path without links.  swappable: others than root may
    replace the directory or its entries; then, within `with`, this process acts as the server's user.  The end of
    `with` closes the directory; `with place.acting` leaves it open.
    """

    __slots__ = ("acting", "fd", "real", "swappable")

    def __init__(self, fd: int, real: str, swappable: bool, ids: Ids | None) -> None:
        self.fd = fd
        self.real = real
        self.swappable = swappable
        self.acting = Acting(ids if swappable else None)

    def __enter__(self) -> Place:
        try:
            self.acting.__enter__()
        except OSError:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.acting.__exit__()
        self.close()

    def close(self) -> None:
        """Close it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def listable(self) -> int:
        """A descriptor with which its names can be listed; the caller closes it.  Raises OSError."""
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)

    def regular(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open a regular file in it; the caller closes it.  Raises OSError."""
        return open_regular(name, self.fd, flags)


def open_regular(name: str, directory: int, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
    """Open a regular file below a descriptor: no link, no FIFO, no device.  Raises OSError, ELOOP for a link.

    The open of a device may have side effects, so we look first.  O_NONBLOCK covers a FIFO or device that someone puts
    there in between, and a lease (fcntl(2)), whose holder could block us.
    """
    try:
        _require_regular(os.stat(name, dir_fd=directory, follow_symlinks=False))
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    fd = os.open(name, flags | ONLY_A_FILE, mode, dir_fd=directory)
    try:
        _require_regular(os.fstat(fd))
    except OSError:
        os.close(fd)
        raise
    return fd


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "a symbolic link")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


def opened(path: str, ids: Ids | None = None, patient: bool = False) -> Place:
    """Open the directory at an absolute path.

    patient: this process may block, so it enters any file system.  Raises NoAnswer, OSError.
    """
    return _walk(path, ids, patient, is_directory=True)[0]


def found(path: str, ids: Ids | None = None, patient: bool = False) -> tuple[Place, str]:
    """Follow the path to its end; return the directory of the final file, and its name there, which is no link.

    That name need not exist.  Raises NoAnswer, OSError.
    """
    return _walk(path, ids, patient, is_directory=False)


def beside(path: str, ids: Ids | None = None, patient: bool = False) -> tuple[Place, str]:
    """Open the directory of the path's last component; return it, and that component, which may be a link.

    Raises NoAnswer, OSError.
    """
    directory, _, name = path.rpartition("/")
    place = opened(directory or "/", ids, patient)
    if not patient and f"{place.real}/{name}" in mounts.silent():
        place.close()
        raise NoAnswer(path)
    return place, name


def require_answer(path: str) -> bool:
    """Does the file exist to which this absolute path leads?  Raises NoAnswer if we must not look."""
    try:
        place, name = found(path)
    except OSError:
        return False
    place.close()
    return bool(name)


def real(path: str) -> str:
    """As os.path.realpath, but links on a file system that may not answer stay as they are."""
    try:
        place, name = found(path)
    except NoAnswer as silent:
        return silent.real
    except OSError:
        return path
    place.close()
    return f"{place.real}/{name}" if name else place.real or "/"


def _walk(path: str, ids: Ids | None, patient: bool, is_directory: bool) -> tuple[Place, str]:
    for _ in range(MOST_WALKS):
        before = mounts.changes()
        walk = _Walk(path, ids, patient)
        try:
            name = walk.go(is_directory)
        except BaseException:
            os.close(walk.fd)
            raise
        if patient or mounts.changes() == before:
            return Place(walk.fd, walk.at, walk.swappable, ids), name
        os.close(walk.fd)
    raise NoAnswer(path)  # while mounts change that fast, we cannot know what the path is on


class _Walk:
    """One walk: fd and at are its present directory, without links; swappable: as in Place."""

    __slots__ = ("_ids", "_links", "_path", "_points", "_was_sticky", "at", "fd", "swappable")

    def __init__(self, path: str, ids: Ids | None, patient: bool) -> None:
        self._path = path
        self._ids = ids
        self._points = mounts.NONE if patient else mounts.silent()
        self._links = 0
        self._was_sticky = False
        self.swappable = False
        self.at = ""
        self.fd = os.open("/", STEP)

    def go(self, is_directory: bool) -> str:
        """Walk to the end of the path; return "", or, without is_directory, the name of a final non-directory."""
        left = self._path.split("/")[::-1]
        if os.geteuid() != 0:
            return self._go(left, is_directory, may_judge=False)
        name = self._go(left, is_directory, may_judge=True)
        if self.swappable and left:
            with Acting(self._ids):
                name = self._go(left, is_directory, may_judge=False)
        self.swappable = self.swappable or self._was_sticky  # any user may make entries there
        return name

    def _go(self, left: list[str], is_directory: bool, may_judge: bool) -> str:
        """left: the remaining components, the next one last.  may_judge: stop at the first swappable directory."""
        points = self._points
        while left:
            name = left.pop()
            if name in ("", "."):
                continue
            at = f"{self.at}/{name}" if name != ".." else self.at.rpartition("/")[0]
            if at in points:
                raise NoAnswer(self._path, "/".join([at, *left[::-1]]))
            try:
                fd = os.open(name, STEP, dir_fd=self.fd)
            except (NotADirectoryError, FileNotFoundError) as error:
                if error.errno == errno.ENOTDIR and self._follow(name, left):
                    continue
                if is_directory or any(left):
                    raise
                return name
            os.close(self.fd)
            self.fd = fd
            self.at = at
            if may_judge and self._judge(os.fstat(fd)):
                break
        return ""

    def _judge(self, status: os.stat_result) -> bool:
        """Is the directory swappable?  In a sticky one only its owner may swap an entry; we judge that later."""
        mode = status.st_mode
        by_others = mode & 0o002 or (mode & 0o020 and status.st_gid != 0)
        self._was_sticky = bool(by_others and mode & stat.S_ISVTX)
        self.swappable = status.st_uid != 0 or bool(by_others and not self._was_sticky)
        return self.swappable

    def _follow(self, name: str, left: list[str]) -> bool:
        """Continue where this link leads; False: it is no link.  Raises OSError."""
        try:
            target = os.readlink(name, dir_fd=self.fd)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return False
            raise
        self._links += 1
        if self._links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith("/"):
            os.close(self.fd)
            self.fd = os.open("/", STEP)
            self.at = ""
        left.extend(target.split("/")[::-1])
        return True
