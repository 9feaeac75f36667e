"""A directory of logs that a program for people looks into again and again.

If others than root may change the directory, root looks as the user of the server (base/places.py), so no link that
this user makes or swaps leads us to a file that this user may not read.
"""

from __future__ import annotations

import os
import stat
import time

from base import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.ids import Ids
    from base.places import Place

TICK = 0.1  # seconds: two changes within the kernel's clock tick may leave the same st_mtime
REFRESH = 5.0  # seconds after which we open the directory anew: someone may have put another one in its place


class Folder:
    """The directory at an absolute path.  ids: the server's user.  All of it raises OSError."""

    def __init__(self, path: str, ids: Ids | None = None) -> None:
        self.path = path
        self._ids = ids
        self._place: Place | None = None
        self._opened = 0.0
        self._names: list[str] = []
        self._changed = -1  # st_mtime_ns with which _names are certain

    def names(self) -> list[str]:
        """All names in it.  While nothing changes, this costs one call of stat(2), and gives the same list."""
        place = self._open()
        with place.acting:
            before = os.stat(place.fd).st_mtime_ns
            if before == self._changed:
                return self._names
            listing = place.listable()
            try:
                names = os.listdir(listing)
            finally:
                os.close(listing)
            is_certain = time.time() - before / 1e9 > TICK
        self._changed = before if is_certain else -1
        if names != self._names:
            self._names = names
        return self._names

    def _open(self) -> Place:
        now = time.monotonic()
        if self._place and now - self._opened < REFRESH:
            return self._place
        place = places.opened(self.path, self._ids, patient=True)
        if self._place:
            before, after = os.stat(self._place.fd), os.stat(place.fd)
            if not os.path.samestat(before, after):
                self._changed = -1
            self._place.close()
        self._place, self._opened = place, now
        return place

    def status(self, name: str) -> os.stat_result | None:
        """Of the regular file of that name; None if it is none, or gone."""
        try:
            status = self._status(name)
        except OSError:
            return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _status(self, name: str) -> os.stat_result:
        place = self._open()
        with place.acting:
            status = os.stat(name, dir_fd=place.fd, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            return status
        with self._behind(name) as there:
            return os.stat(there.name, dir_fd=there.place.fd, follow_symlinks=False)

    def regular(self, name: str) -> int:
        """A descriptor to read the regular file of that name; a link is followed as the user of the server."""
        place = self._open()
        with place.acting:
            if not stat.S_ISLNK(os.stat(name, dir_fd=place.fd, follow_symlinks=False).st_mode):
                return place.regular(name)
        with self._behind(name) as there:
            return there.place.regular(there.name)

    def _behind(self, name: str) -> _Behind:
        return _Behind(*places.found(f"{self.path}/{name}", self._ids, patient=True))


class _Behind:
    """What a link leads to: the name of a file in a directory that is open within `with`."""

    def __init__(self, place: Place, name: str) -> None:
        self.place = place
        self.name = name or "."

    def __enter__(self) -> _Behind:
        self.place.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.place.__exit__()
