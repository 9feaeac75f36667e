"""Turn a log over while programs write to it: copy its head away, then take that out of the file.

    NAME                   the log; its writers have it open with O_APPEND, and go on
    NAME.part              a copy of its head that is not complete
    NAME.000007.C-L.cut    a complete copy of the head up to L; the first C bytes are being taken out
    NAME.000007            an archive, see archives.py

No line is lost or torn, and none is in two places, at whatever instruction we are killed:

1. Copy the head up to L, the end of a line, into NAME.part; rename that to NAME.000007.C-L.cut.  Now it is safe.
2. C is the last block boundary at or before L.  Blank out the bytes from C to L in the log, and punch a hole into the
   bytes before C.  Both may be repeated: no offset has moved yet.
3. Rename the copy to its archive name.  From here on the hole is all that is left to do.
4. When the log no longer grows so fast, collapse the hole, so that the log begins with the blanks.  Until then it
   takes no room; to collapse it at once would write the log to the disk at each cut.  Only ext4 and xfs can do that;
   elsewhere (tmpfs, btrfs) the hole stays.

The kernel appends and collapses under the lock of the file: a writer's next line goes behind its last one, wherever
that is by then.  Source: fallocate(2), open(2) on O_APPEND, lseek(2) on SEEK_DATA.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from spawn import fallocate
from spawn.archives import PART, Archives, fresh
from spawn.output_file import due_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.places import Place

CUT = ".cut"
BLOCK = 4096
LEFT = 2 * BLOCK  # bytes that stay in the log, so that its last lines are always there
WINDOW = 1 << 16  # bytes before the cut in which we look for the block boundary that is nearest to the end of a line
PIECE = 1 << 20
SAFE_SECONDS = 30  # after which the kernel has written a log to the disk: vm.dirty_expire_centisecs, proc_sys_vm(5)


class Log:
    """A log that is to be turned over; use it within `with` of the place, as a user who may write there.

    fd: of the log, to read and to write, without O_APPEND.  most: bytes; we begin earlier, see due_at, so that the log
    has room to grow while we copy.  keep: archives.  remarks: for a person.  is_broken: do not try again.
    removed: by so many bytes everything in the log has moved up.
    """

    def __init__(self, here: Place, name: str, fd: int, most: int, keep: int) -> None:
        self._here = here
        self.name = name
        self._fd = fd
        self._most = most
        self._threshold = due_at(most)
        self._keep = keep
        self._room = keep * most + self._threshold  # bytes for log and archives, without what the log grows meanwhile
        self._archives = Archives(here, name)
        self.remarks: list[str] = []
        self.is_broken = False
        self.removed = 0

    def is_due(self) -> bool:
        """Is it so large that it must be turned over?"""
        return self._used() >= self._threshold

    def _used(self) -> int:
        """Bytes behind the hole; its blocks do not tell, for xfs has some in store for what is written next."""
        return os.fstat(self._fd).st_size - self._base()

    def turn_over(self) -> bool:
        """Finish what a killed child left half done, or turn it over if that is due; True: something was cut off.

        Raises OSError.
        """
        return self._locked(lambda: self._go_on() or (self.is_due() and self._cut()))

    def shorten(self) -> bool:
        """Collapse the hole that the cuts have left; False: there is none, or it stays.  Raises OSError."""
        return self._locked(self._collapse)

    def _locked(self, work: Callable[[], bool]) -> bool:
        """Work when no other child does in this directory: they take turns.

        The log itself is no lock: its server could hold it.
        """
        lock = self._here.listable()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return work()
        finally:
            os.close(lock)

    def _go_on(self) -> bool:
        """Finish what a killed child left; True: the log has been cut."""
        names = self._names()
        left = [name for name in names if _is_cut(name[len(self.name) + 1 :])]
        if f"{self.name}{PART}" in names:
            os.unlink(f"{self.name}{PART}", dir_fd=self._here.fd)
        for name in left:
            self._finish(name, *_numbers(name))
        self._mend()
        return bool(left)

    def _names(self) -> list[str]:
        """The names of the files that belong to the log."""
        listing = self._here.listable()
        try:
            names = os.listdir(listing)
        finally:
            os.close(listing)
        return [name for name in names if name.startswith(f"{self.name}.")]

    def _cut(self) -> bool:
        size = os.fstat(self._fd).st_size
        base = self._base()
        cut, line = self._boundary(base, min(size - LEFT, base + self._most))
        if cut <= base:
            return False
        if not fallocate.can_punch(self._fd, BLOCK):
            return self._cut_bluntly()
        name = f"{self._archives.next_name()}.{cut}-{line}{CUT}"
        return self._finish(name if self._keep and self._copied(base, line, name) else "", cut, line)

    def _base(self) -> int:
        """Where its data begin: behind the hole that earlier cuts have left."""
        try:
            return os.lseek(self._fd, 0, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return os.fstat(self._fd).st_size  # nothing but a hole

    def _boundary(self, base: int, end: int) -> tuple[int, int]:
        """A block boundary before end, and the first end of a line at or behind it, as near as can be.

        A line that is longer than WINDOW is cut through: then both are the same.  Where there is less, both are base.
        """
        start = max(base, end - WINDOW) // BLOCK * BLOCK
        text = os.pread(self._fd, end - start, start) if end > start else b""
        best = (BLOCK * WINDOW, end // BLOCK * BLOCK)
        for cut in range(max(start, base + BLOCK), end, BLOCK):
            found = text.find(b"\n", cut - 1 - start)
            if found >= 0:
                best = min(best, (start + found + 1 - cut, cut))
        gap, cut = best
        if gap >= WINDOW and end - start < WINDOW:
            return base, base
        return (cut, cut + gap) if gap < WINDOW else (cut, cut)

    def _last_line(self, size: int) -> int:
        """The end of the last whole line: the kernel may show a line before all of it is written."""
        start = max(0, size - WINDOW)
        return start + os.pread(self._fd, size - start, start).rfind(b"\n") + 1 or size

    def _copied(self, base: int, end: int, name: str) -> bool:
        """Copy the bytes from base to end into the file name; False: there is no room for it."""
        if not self._has_room(end - base):
            return False
        while True:
            try:
                self._copy(base, end, name)
                return True
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                if not self._archives.drop_oldest():
                    self.remarks.append(f"the disk is full; {end - base} bytes of its oldest output are dropped")
                    return False

    def _has_room(self, length: int) -> bool:
        """Delete the oldest archives, until one of that length may be added; False: the log itself has taken its room.

        Then its head is older than what would be kept, so it may go at once.
        """
        while self._archives.drop_oldest(self._keep - 1):
            pass
        while self._archives.size() + self._used() + length > self._room:
            if not self._archives.drop_oldest():
                return False
        return True

    def _copy(self, base: int, end: int, name: str) -> None:
        part = f"{self.name}{PART}"
        target = fresh(self._here, part)
        try:
            _send(target, self._fd, base, end)
            if self._archives.age(time.time()) > SAFE_SECONDS:
                os.fdatasync(target)  # else none of it is on the disk for certain, and a sync would make it no safer
            os.rename(part, name, src_dir_fd=self._here.fd, dst_dir_fd=self._here.fd)
        except OSError:
            os.unlink(part, dir_fd=self._here.fd)
            raise
        finally:
            os.close(target)

    def _finish(self, name: str, cut: int, line: int) -> bool:
        """The copy of that name is complete ("": there is none): take the head out of the log."""
        self._blank(cut, line)
        fallocate.punch(self._fd, cut)
        if name:
            os.rename(name, name.rsplit(".", 2)[0], src_dir_fd=self._here.fd, dst_dir_fd=self._here.fd)
        return True

    def _blank(self, at: int, end: int) -> None:
        """Make these bytes an empty line: after a cut the end of a line, whose other half is in the copy."""
        if end > at:
            os.pwrite(self._fd, b" " * (end - at - 1) + b"\n", at)

    def _collapse(self) -> bool:
        base = self._base()
        is_shorter = 0 < base < os.fstat(self._fd).st_size and fallocate.collapse(self._fd, 0, base)
        self.removed += base if is_shorter else 0
        return is_shorter

    def _mend(self) -> None:
        """Take out a hole in the middle.

        xfs collapses in two steps.  If we are killed in between, the file keeps its size, so a hole is where its end
        was, with zeros in the blocks beside it.
        """
        try:
            hole = os.lseek(self._fd, self._base(), os.SEEK_HOLE)
            data = os.lseek(self._fd, hole, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return  # there is none
        before = _zeros(os.pread(self._fd, BLOCK, hole - BLOCK)[::-1])
        self._blank(hole - before, hole)
        self._blank(data, data + _zeros(os.pread(self._fd, BLOCK, data)))
        fallocate.collapse(self._fd, hole, data - hole)

    def _cut_bluntly(self) -> bool:
        """Neither can be done here (NFS before 4.2): copy all whole lines, and empty the log.

        What is written between these two is lost, and reported.
        """
        size = self._last_line(os.fstat(self._fd).st_size)
        is_copied = self._keep and self._copied(0, size, self._archives.next_name())
        lost = os.fstat(self._fd).st_size - (size if is_copied else 0)
        os.ftruncate(self._fd, 0)
        self.removed += size
        if lost:
            self.remarks.append(
                f"{lost} bytes of its output are lost: its file system cannot cut a file that is in use"
            )
        return True


def _zeros(text: bytes) -> int:
    """How many zeros it begins with."""
    return len(text) - len(text.lstrip(b"\0"))


def _send(target: int, source: int, at: int, end: int) -> None:
    while at < end:
        at += os.sendfile(target, source, at, min(PIECE, end - at)) or end


def _is_cut(rest: str) -> bool:
    number, _, numbers = rest.removesuffix(CUT).partition(".")
    first, _, second = numbers.partition("-")
    return (
        rest.endswith(CUT)
        and number.isdecimal()
        and first.isdecimal()
        and second.isdecimal()
        and int(first) <= int(second)
    )


def _numbers(name: str) -> tuple[int, int]:
    cut, _, line = name.removesuffix(CUT).rpartition(".")[2].partition("-")
    return int(cut), int(line)
