"""The archives of a log, beside it: what was cut off, as NAME.000001, NAME.000002 …, and compressed to NAME.000001.gz.

The highest number is the newest.  A number is never given twice, so a name means the same lines as long as it exists,
and files that logrotate made (NAME.1.gz) are not taken for ours.
"""

from __future__ import annotations

import fcntl
import os
import zlib

from base import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.places import Place

PART, PACKING, PACKED = (
    ".part",
    ".gz.part",
    ".gz",
)  # a copy that is not complete; one being compressed; a compressed one
DIGITS = 6
PIECE = 1 << 18
GZIP = 16 + zlib.MAX_WBITS  # the header of gzip(1)


class Archives:
    """The archives of the log of that name in a directory; call it as the user who may write there."""

    def __init__(self, here: Place, name: str) -> None:
        self._here = here
        self._name = name

    def names(self) -> list[str]:
        """All archives, the oldest first.  Raises OSError."""
        found = [(self._number(name), name) for name in self._all()]
        return [name for number, name in sorted(found) if number]

    def _all(self) -> list[str]:
        """The names of all files that belong to the log, and of the log itself.  Raises OSError."""
        listing = self._here.listable()
        try:
            return [name for name in os.listdir(listing) if name.startswith(self._name)]
        finally:
            os.close(listing)

    def _number(self, name: str) -> int:
        """The number of an archive; 0: it is none of ours."""
        if not name.startswith(f"{self._name}."):
            return 0
        digits = name[len(self._name) + 1 :].removesuffix(PACKED)
        is_ours = len(digits) >= DIGITS and digits.isascii() and digits.isdigit()
        return int(digits) if is_ours else 0

    def next_name(self) -> str:
        """The name of the next archive.  Raises OSError."""
        newest = self.names()[-1:]
        return f"{self._name}.{(self._number(newest[0]) if newest else 0) + 1:0{DIGITS}d}"

    def drop_oldest(self, left: int = 0) -> bool:
        """Delete the oldest if more than `left` are there; False: there are not.  Raises OSError."""
        names = self.names()
        if len(names) <= left:
            return False
        self._delete(names[0])  # if a child has just compressed it, it has another name the next time
        return True

    def size(self) -> int:
        """The bytes of all archives together.  Raises OSError."""
        total = 0
        for name in self.names():
            try:
                total += os.stat(name, dir_fd=self._here.fd, follow_symlinks=False).st_size
            except FileNotFoundError:
                pass  # a child has just compressed it
        return total

    def age(self, now: float) -> float:
        """Seconds since the newest archive was made; inf if there is none."""
        try:
            newest = self.names()[-1]
            return now - os.stat(newest, dir_fd=self._here.fd, follow_symlinks=False).st_mtime
        except (IndexError, FileNotFoundError):
            return float("inf")

    def pack(self) -> None:
        """Compress those that are not, the oldest first.  Raises OSError; what could not be compressed stays."""
        names = self.names()
        for name in names:
            if not name.endswith(PACKED):
                self._pack(name, f"{name}{PACKED}" in names)
        there = self._all()  # now: the child of an earlier helper may have begun with a newer one
        for part in there:
            if part.endswith(PACKING) and part.removesuffix(PACKING) not in there:
                self._delete(part)

    def _pack(self, name: str, is_packed: bool) -> None:
        """is_packed: an earlier child compressed it, and was killed before it deleted it."""
        try:
            source = self._here.regular(name)
        except FileNotFoundError:
            return  # it was the oldest, and had to make room
        try:
            fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not is_packed:
                self._compress(name, source)
            if not self._delete(name):
                self._delete(f"{name}{PACKED}")  # it had to make room meanwhile
        except BlockingIOError:
            pass  # the child of an earlier helper compresses it
        finally:
            os.close(source)

    def _compress(self, name: str, source: int) -> None:
        part = f"{name}{PACKING}"
        target = fresh(self._here, part)
        try:
            compress(source, target)
            os.fsync(target)
            os.rename(part, f"{name}{PACKED}", src_dir_fd=self._here.fd, dst_dir_fd=self._here.fd)
        except OSError:
            self._delete(part)
            raise
        finally:
            os.close(target)

    def _delete(self, name: str) -> bool:
        try:
            os.unlink(name, dir_fd=self._here.fd)
        except FileNotFoundError:
            return False
        return True


def fresh(here: Place, name: str) -> int:
    """Make a new file there, mode 0600, in place of what a killed child of ours left.  Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, files.PRIVATE, dir_fd=here.fd)
    except FileExistsError:
        os.unlink(name, dir_fd=here.fd)
        return os.open(name, flags, files.PRIVATE, dir_fd=here.fd)


def compress(source: int, target: int) -> None:
    """Write what the descriptor source holds to target, in the format of gzip(1).  Raises OSError."""
    packer = zlib.compressobj(wbits=GZIP)
    while piece := os.read(source, PIECE):
        _write(target, packer.compress(piece))
    _write(target, packer.flush())


def _write(fd: int, raw: bytes) -> None:
    while raw:
        raw = raw[os.write(fd, raw) :]
