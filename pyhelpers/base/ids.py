"""Act as another user for the time of a few calls.

What is done with the files of a server is done as the user of that server, so that nothing he puts in the way, a link
or a directory that he swaps, leads us where he could not go himself.

As root only the effective ids change.  The saved uid stays 0, so root is back with one call; the real uid stays 0 too,
so that user can meanwhile neither signal this process (kill(2): the sender's uid is compared with the target's real and
saved uid) nor trace it (ptrace(2): with all three; besides, a process that changes its effective uid is no longer
dumpable).  The kernel's checks of files go by the file system uid, which follows the effective one: credentials(7).
The capabilities of root go with the effective uid, and come back with it: capabilities(7).  The process has one
thread, so nothing else runs in between.
"""

from __future__ import annotations

import os


class Ids:
    """A user by numbers; uid -1: our own user, with another group."""

    __slots__ = ("gid", "groups", "uid")

    def __init__(self, uid: int, gid: int, groups: list[int]) -> None:
        self.uid = uid
        self.gid = gid
        self.groups = groups

    def become(self) -> None:
        """Be that user, for the rest of this process.  Raises OSError."""
        if self.uid < 0:
            os.setgid(self.gid)
        elif os.getuid() == 0 or (os.getuid(), os.getgid()) != (self.uid, self.gid):
            os.setgroups(self.groups)
            os.setgid(self.gid)
            os.setuid(self.uid)


_known: dict[str, Ids] = {}


def parsed(text: str) -> Ids | None:
    """The ids that config/accounts.py has settled, `UID GID GROUP...`; None for "".  Servers of one user share them."""
    if text and text not in _known:
        uid, gid, *groups = map(int, text.split())
        _known[text] = Ids(uid, gid, groups)
    return _known.get(text)


class Acting:
    """Within `with Acting(ids):` this process is that user, if it is root; else, or with None, it stays itself."""

    __slots__ = ("_before", "_ids")

    def __init__(self, ids: Ids | None) -> None:
        self._ids = ids if ids and ids.uid > 0 and os.geteuid() == 0 else None
        self._before: tuple[int, list[int]] = (0, [])

    def __enter__(self) -> Acting:
        ids = self._ids
        if ids:
            self._before = os.getegid(), os.getgroups()
            try:
                os.setgroups(ids.groups)
                os.setegid(ids.gid)
                os.seteuid(ids.uid)
            except OSError:
                self._restore()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._ids:
            self._restore()

    def _restore(self) -> None:
        gid, groups = self._before
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)
