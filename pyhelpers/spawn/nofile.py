"""Our limit of open files, which many servers raise, and that of what we spawn: the limit from before."""

from __future__ import annotations

import os

_ours = _servers = 0  # soft limits; 0: we have not raised ours
_low: list[int] = []  # two descriptors below the servers' limit, and what they are when they are not lent


def raise_ours(number: int) -> None:
    """Raise our own soft limit; what we spawn gets the limit from before.  Raises ValueError above the hard limit."""
    global _ours, _servers
    import resource

    _servers = _servers or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    _ours = number
    if not _low:
        _low.extend(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(3))
    restore()


def lower() -> None:
    """Take the servers' limit: just before an exec, for until then we may need more."""
    _set(_servers)


def restore() -> None:
    """Take our own limit again."""
    _set(_ours)


def _set(number: int) -> None:
    if number:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (number, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def keep_all_to_ourselves() -> None:
    """Let no child inherit a descriptor above 2: after an exec of our own that has failed."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2:
                os.set_inheritable(int(name), False)
        except OSError:
            pass  # it was that of the listing


class Lent:
    """Within `with`: the descriptor itself, or a copy of it below the servers' limit.

    posix_spawn_file_actions_adddup2(3) compares with the soft limit, which is the servers' at that time; EBADF.
    which: 0 or 1, for two at a time.
    """

    __slots__ = ("_copy", "_fd")

    def __init__(self, fd: int, which: int) -> None:
        self._fd = fd
        self._copy = _low[which] if _low and fd >= _servers else -1

    def __enter__(self) -> int:
        if self._copy < 0:
            return self._fd
        return os.dup2(self._fd, self._copy, inheritable=False)

    def __exit__(self, *_: object) -> None:
        if self._copy >= 0:
            os.dup2(_low[2], self._copy, inheritable=False)  # else a deleted log would stay on disk
