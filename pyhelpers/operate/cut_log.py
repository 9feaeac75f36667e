"""Read a log that is turned over while we read, see spawn/turnover.py: each byte once, in order.

The archives and then the log are one text.  We remember the number of the last archive that we have passed, and how
far we are in what follows it.  So an offset that moves in the log does not matter: once there is an archive more, we
read from it as much of the text as it holds, and only the rest from the log.

    text      | archive 7 | archive 8 |   the log
    our place             ^ number=7, at=4711

Nothing tells us of a cut at the very moment.  So we look at the names and at the hole in the log, read, and look
again: if they are as before, no cut was under way, for each step of it changes one of these before it moves anything.
The last bytes that we have read must still stand before the next ones; this finds a cut that made no archive
(`output_keep = 0`, a full disk), and how far the log has moved.

The last line of an archive ends within a block, so the log, or the next archive, begins with an empty line of blanks.
We skip it.  Its length follows from the size of the archive: what precedes it is a whole number of blocks.
"""

from __future__ import annotations

import errno
import os
import time

from operate.growing import MOST, last_lines
from operate.piece import ANY, NONE, Piece, blank_line, pieces
from spawn.turnover import BLOCK, CUT, WINDOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.folder import Folder

TRIES = 50  # each fails only because the log was cut at that moment
ANCHOR = 256  # bytes
FARTHEST = 1 << 16  # blocks by which we search for the place of the anchor
BLUNT_SECONDS = 2.0  # a log that can only be emptied is emptied so soon after its copy is complete


class CutLog:
    """The log of that name in a folder, and its archives.  The calls raise OSError.

    lost: how often we had to skip what was deleted before we could read it.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self.lost = 0
        self.has_begun_anew = False
        self._folder = folder
        self._name = name
        self._fd = -1
        self._number = 0  # of the last archive that we have passed
        self._were_gone = False
        self._at = 0  # how far we are in what follows it
        self._passed = NONE  # the size of that archive, until we have skipped the empty line behind it
        self._head = b""  # the beginning of that archive
        self._anchor = b""  # the last that we have read, if it is in the log
        self._archive: Piece | None = None
        self._listed: list[str] = []
        self._found: dict[int, str] = {}
        self._idle: object = None
        self._waits_since = 0.0

    # -- where to begin --------------------------------------------------------------------------

    def go_to_end(self) -> None:
        """What is there already is not read."""
        self.go_back(0)

    def go_back(self, lines: int) -> None:
        """Go to the beginning of its last lines, so many; the first ones may be in archives."""
        for _ in range(TRIES):
            found = self._pieces()
            newest = max(found, default=0)
            base = self._base(found)
            passed = self._size_of(newest, found)
            begin = base + self._blank(base, passed, found)
            place, missing = last_lines(self._log(), begin, os.fstat(self._log()).st_size, lines)
            if self._is_still(found, base):
                self._set(newest, place - base)
                if missing and place == begin:
                    self._go_back_in_archives(found, missing)
                return

    def _go_back_in_archives(self, found: dict[int, str], lines: int) -> None:
        number = max(found, default=0)
        while lines and number in found:
            piece = self._opened(number, found)
            if not piece:
                return
            try:
                at, lines = piece.last_lines(lines, self._size_of(number - 1, found))
            finally:
                piece.close()
            number -= 1
            self._set(number, at)

    def go_back_to(self, since: float) -> None:
        """Go to the beginning of the first piece that was written to since then, in seconds of Unix time."""
        found = self._pieces()
        for number in sorted(found):
            status = self._folder.status(found[number])
            if status and status.st_mtime >= since:
                self._set(number - 1, 0)
                self._passed = self._size_of(number - 1, found)
                return
        self._set(max(found, default=0), 0)
        self._passed = self._size_of(self._number, found)

    def _set(self, number: int, at: int) -> None:
        self._number, self._at, self._passed = number, at, NONE
        self._anchor = self._head = b""

    # -- reading ---------------------------------------------------------------------------------

    def read(self) -> bytes:
        """The next bytes; b"" if there are none now."""
        self.has_begun_anew = False
        for _ in range(TRIES):
            found = self._pieces()
            self._recount(found)
            newer = [number for number in found if number > self._number]
            raw = self._from_archive(min(newer), found) if newer else self._from_log(found)
            if raw is not None:
                return raw
        return b""

    def _recount(self, found: dict[int, str]) -> None:
        """Archives may be deleted, all of them on a full disk, and the next one then has the number 1.

        With `output_keep = 1` there is none for a moment at each cut, and the next one has the next number.
        """
        if found and self._were_gone and max(found) <= self._number:
            self._number = min(found) - 1
        if found:
            self._number = min(self._number, max(found))
        self._were_gone = not found

    def close(self) -> None:
        """Close what is open."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._archive:
            self._archive.close()
            self._archive = None

    def _from_archive(self, number: int, found: dict[int, str]) -> bytes | None:
        """The next bytes of this archive; None: look again, we have come to its end, or it is gone."""
        if number > self._number + 1:
            self._skip_to(number - 1)
        piece = self._archive = self._archive or self._opened(number, found)
        if not piece:
            return None
        if self._passed != NONE:
            self._at += blank_line(piece.head(), self._passed)
            self._passed = NONE
        self._require_anchor(piece)
        raw = piece.read(self._at)
        if raw:
            self._at += len(raw)
            self._anchor = b""
            return raw
        self._pass(number, piece)
        return None

    def _require_anchor(self, piece: Piece) -> None:
        """Did a cut without an archive come before this one?  Then we are elsewhere in it, by whole blocks."""
        length = min(len(self._anchor), self._at)
        anchor = self._anchor[len(self._anchor) - length :]
        for at in range(self._at - length, -1, -BLOCK):
            found = piece.read(at)[:length]
            if found == anchor or len(found) < length:  # or we have read more of the log than this archive has of it
                self._at = at + length
                return
        self.lost += 1
        self.has_begun_anew = True
        self._at, self._anchor = blank_line(piece.head(), ANY), b""

    def _pass(self, number: int, piece: Piece) -> None:
        """We have read all of this archive, and perhaps more, while that was in the log."""
        beyond = max(0, self._at - piece.size())
        self._anchor = self._anchor[-beyond:] if beyond else b""
        self._number, self._at, self._passed, self._head = number, beyond, piece.size(), piece.head()[:BLOCK]
        self._waits_since = time.monotonic()
        piece.close()
        self._archive = None

    def _skip_to(self, number: int) -> None:
        """The archives up to this one are gone; what we have read of the next one, we do not know."""
        self.lost += 1
        self.has_begun_anew = True
        if self._archive:
            self._archive.close()
            self._archive = None
        self._set(number, 0)
        self._passed = ANY

    def _from_log(self, found: dict[int, str]) -> bytes | None:
        """The next bytes of the log; None: look again, it was cut meanwhile."""
        fd = self._log()
        status = os.fstat(fd)
        state = (status.st_size, status.st_mtime_ns, found)
        if state == self._idle and self._passed == NONE:
            return b""
        base = self._base(found)
        blank = self._blank(base, self._passed, found)
        is_behind_archive = self._passed != NONE and not blank
        if is_behind_archive and self._is_not_yet_emptied(base, status.st_size):
            return b""
        at = 0 if is_behind_archive and self._was_emptied() else self._at
        where = base + blank + at
        length = min(len(self._anchor), at)
        raw = os.pread(fd, length + MOST, where - length)
        anchor = self._anchor[len(self._anchor) - length :]
        if not self._is_still(found, base) or os.pread(fd, length, where - length) != raw[:length]:
            return None
        if raw[:length] != anchor:
            self._find_anchor(anchor, where - length, found, base)
            return None
        self._at, self._passed = blank + at + len(raw) - length, NONE
        self._anchor = (self._anchor + raw[length:])[-ANCHOR:]
        self._idle = state if len(raw) == length else None
        return raw[length:]

    def _was_emptied(self) -> bool:
        """Was the whole log copied, and then emptied?  Else it would begin with the empty line."""
        return self._passed > 0 and self._passed % BLOCK != 0

    def _is_not_yet_emptied(self, base: int, size: int) -> bool:
        """Is that still to come?  Then the log begins as the archive does.  A log of equal lines may do so for long."""
        if base or size < max(self._passed, 1) or time.monotonic() > self._waits_since + BLUNT_SECONDS:
            return False
        return bool(self._head) and os.pread(self._log(), len(self._head), 0) == self._head

    def _find_anchor(self, anchor: bytes, before: int, found: dict[int, str], base: int) -> None:
        """The log moved without an archive, by whole blocks; or someone has emptied it.  before: where it stood."""
        for at in range(before - BLOCK, max(base, before - FARTHEST * BLOCK) - 1, -BLOCK):
            if os.pread(self._log(), len(anchor), at) == anchor:
                self._at, self._passed = at + len(anchor) - base, NONE
                return
        self.lost += 1
        self.has_begun_anew = True
        self._set(max(found, default=0), 0)
        self._passed = ANY

    # -- what is there ---------------------------------------------------------------------------

    def _pieces(self) -> dict[int, str]:
        names = self._folder.names()
        if names is not self._listed:
            self._listed, self._found = names, pieces(names, self._name)
        return self._found

    def _is_still(self, found: dict[int, str], base: int) -> bool:
        """Are the names and the hole as they were?  Then no cut was under way in between."""
        return self._pieces() == found and self._base(found) == base

    def _log(self) -> int:
        """Its descriptor.  A new log of that name has taken the place of the old one when that has been read."""
        status = self._folder.status(self._name)
        if self._fd >= 0:
            old = os.fstat(self._fd)
            if not status or os.path.samestat(old, status) or self._idle is None:
                return self._fd
            os.close(self._fd)
            self._fd = -1
            self.has_begun_anew = True
            self._set(max(self._pieces(), default=0), 0)
        self._idle = None
        self._fd = self._folder.regular(self._name)
        return self._fd

    def _base(self, found: dict[int, str]) -> int:
        """The place in the log where the text behind the newest archive begins, with the empty line."""
        newest = found.get(max(found, default=0), "")
        if newest.endswith(CUT):
            return int(newest.rsplit(".", 2)[1].partition("-")[0])
        try:
            return os.lseek(self._log(), 0, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return 0  # it is empty

    def _blank(self, base: int, passed: int, found: dict[int, str]) -> int:
        """The length of the empty line there; 0 if there is none.  passed: the size of the newest archive."""
        if passed == NONE:
            return 0
        newest = found.get(max(found, default=0), "")
        if newest.endswith(CUT):  # the line may be yet to come
            cut, _, line = newest.rsplit(".", 2)[1].partition("-")
            return int(line) - int(cut)
        return blank_line(os.pread(self._log(), WINDOW, base), passed)

    def _size_of(self, number: int, found: dict[int, str]) -> int:
        """The size of the text in this archive; ANY if it is gone, NONE if no archive can have that number."""
        piece = self._opened(number, found) if number in found else None
        if not piece:
            return ANY if number > 0 else NONE
        try:
            return piece.size()
        finally:
            piece.close()

    def _opened(self, number: int, found: dict[int, str]) -> Piece | None:
        """The archive; None: a child has given it another name meanwhile, or deleted it."""
        try:
            return Piece(self._folder.regular(found[number]), found[number].endswith(".gz"))
        except FileNotFoundError:
            return None
