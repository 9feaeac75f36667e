"""Hold a directory open, having come there without a wait and without being led astray.

The way is walked component by component, each opened below the one before with O_PATH|O_NOFOLLOW, which touches
nothing but names.  A link is read and followed by hand, so that one which a server's user puts there cannot lead onto a
file system that may not answer (base/mounts.py).  Where the mount table changes meanwhile the walk is repeated.

From the first directory on that others than root may change, root goes on as the user of the server (base/ids.py),
and is that user for whatever happens below the result:

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
    """It is on a file system that may not answer, and was not touched.

    path: as it was asked for; real: the same without the links that come before that file system.
    """

    def __init__(self, path: str, real: str = "") -> None:
        super().__init__(f"{path} does not answer")
        self.path = path
        self.real = real or path


class Place:
    """A directory that is held open.

    fd: of O_PATH, for the calls that take dir_fd.  real: its path without links.  swappable: others than root may put
    something else in its place, or in it.  Within `with` this process acts as the server's user if that is so, and the
    directory is closed at the end; within `with place.acting` it stays open.
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
        """Hold it no longer."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def listable(self) -> int:
        """A descriptor that its names can be listed by; the caller closes it.  Raises OSError."""
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)

    def regular(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open a regular file, and nothing else; the caller closes it.  Raises OSError."""
        return open_regular(name, self.fd, flags)


def open_regular(name: str, directory: int, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
    """Open a regular file below a descriptor: no link, no FIFO, no device.  Raises OSError, ELOOP for a link.

    To open a device may already do something, so it is looked at before; O_NONBLOCK is for one that is put there in
    between, and for a lease (fcntl(2)), which would have us wait for its holder.
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

    patient: this process may wait, and goes onto any file system.  Raises NoAnswer, OSError.
    """
    return _walk(path, ids, patient, is_directory=True)[0]


def found(path: str, ids: Ids | None = None, patient: bool = False) -> tuple[Place, str]:
    """The directory that holds what the path leads to, and its name there, which is no link (any more).

    There may be nothing by that name.  Raises NoAnswer, OSError.
    """
    return _walk(path, ids, patient, is_directory=False)


def beside(path: str, ids: Ids | None = None, patient: bool = False) -> tuple[Place, str]:
    """The directory that holds the path's last component, which may be a link, and that component.

    Raises NoAnswer, OSError.
    """
    directory, _, name = path.rpartition("/")
    place = opened(directory or "/", ids, patient)
    if not patient and f"{place.real}/{name}" in mounts.silent():
        place.close()
        raise NoAnswer(path)
    return place, name


def require_answer(path: str) -> bool:
    """Is what this absolute path leads to there?  Raises NoAnswer where it may not be looked at."""
    try:
        place, name = found(path)
    except OSError:
        return False
    place.close()
    return bool(name)


def real(path: str) -> str:
    """As os.path.realpath; links on a file system that may not answer stay as they are."""
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
    raise NoAnswer(path)  # who mounts and unmounts that fast may be about to mount anything


class _Walk:
    """One walk: fd and at are where it is, without links; swappable: as of Place."""

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
        """To the end of the path; "", or without is_directory the name of what is not a directory."""
        left = self._path.split("/")[::-1]
        if os.geteuid() != 0:
            return self._go(left, is_directory, may_judge=False)
        name = self._go(left, is_directory, may_judge=True)
        if self.swappable and left:
            with Acting(self._ids):
                name = self._go(left, is_directory, may_judge=False)
        self.swappable = self.swappable or self._was_sticky  # there anybody may put something
        return name

    def _go(self, left: list[str], is_directory: bool, may_judge: bool) -> str:
        """left: the components still to go, the next one last.  may_judge: stop where it is swappable."""
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
        """In a sticky directory only the owner of a file may swap it, and its owner is judged when we are there."""
        mode = status.st_mode
        by_others = mode & 0o002 or (mode & 0o020 and status.st_gid != 0)
        self._was_sticky = bool(by_others and mode & stat.S_ISVTX)
        self.swappable = status.st_uid != 0 or bool(by_others and not self._was_sticky)
        return self.swappable

    def _follow(self, name: str, left: list[str]) -> bool:
        """Go on where this link leads; False: it is none.  Raises OSError."""
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
