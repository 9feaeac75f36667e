"""Act as another user during a few calls.

We touch the files of a server as the user of that server.  So no link that this user makes, and no directory that this
user swaps, can lead us to a file that this user may not touch.

As root we change only the effective ids.  The saved uid stays 0, so one call makes us root again.  The real uid stays 0
too, so that user can neither signal this process meanwhile (kill(2) compares the sender's uid with the target's real
and saved uid) nor trace it (ptrace(2) compares all three; besides, a process that changes its effective uid is no
longer dumpable).  The kernel checks files by the file system uid, which follows the effective uid: credentials(7).
We lose the capabilities of root with the effective uid, and regain them with it: capabilities(7).  The process has one
thread, so no other code runs in between.
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
        """Become that user, for the rest of this process.  Raises OSError."""
        if self.uid < 0:
            os.setgid(self.gid)
        elif os.getuid() == 0 or (os.getuid(), os.getgid()) != (self.uid, self.gid):
            os.setgroups(self.groups)
            os.setgid(self.gid)
            os.setuid(self.uid)


_known: dict[str, Ids] = {}


def parsed(text: str) -> Ids | None:
    """The Ids of a settled text, `UID GID GROUP...` (config/accounts.py); None for "".  Equal texts share one."""
    if text and text not in _known:
        uid, gid, *groups = map(int, text.split())
        _known[text] = Ids(uid, gid, groups)
    return _known.get(text)


class Acting:
    """Within `with Acting(ids):` this process is that user, if it is root; otherwise, or with None, nothing changes."""

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
