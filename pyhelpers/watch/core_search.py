"""Find the core of a process that has ended, and keep only the newest ones.  Runs in a child, as the server's user.

A core counts only if it is a regular file of that user whose own notes name the dead process.  We delete only those
that we have found ourselves, and that are still the same file.  A core whose name has no pid is renamed (`core` to
`core.812`), or the next one would replace it.
"""

from __future__ import annotations

import os

from base import globs, places
from proc import core_file, core_pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from base.ids import Ids
    from base.places import Place


class Kept:
    """A core that we have found: whose it is, and which file."""

    __slots__ = ("device", "inode", "path", "pid")

    def __init__(self, pid: int, device: int, inode: int, path: str) -> None:
        self.pid, self.device, self.inode, self.path = pid, device, inode, path

    def line(self) -> str:
        """As a line of servers/NAME/cores."""
        return f"{self.pid} {self.device} {self.inode} {self.path}\n"


def parsed(text: str) -> list[Kept]:
    """The cores of such lines, the oldest first; lines that are none are left out."""
    found = []
    for line in text.splitlines():
        words = line.split(" ", 3)
        if len(words) == 4 and all(word.isdecimal() for word in words[:3]):
            found.append(Kept(int(words[0]), int(words[1]), int(words[2]), words[3]))
    return found


def find(directory: str, pid: int, signal: int, uid: int, ids: Ids | None) -> Kept | str:
    """Its core; else why there is none.  directory: where the process ran.  ids: of the server's user."""
    try:
        pattern, uses_pid = core_pattern.of_machine()
        if pattern.startswith(core_pattern.PIPES):
            return f"core_pattern gives it to {pattern[1:].split(' ')[0]}"
        path = os.path.join(directory, core_pattern.expanded(pattern, uses_pid, pid, signal, uid))
        holder, name = os.path.split(path)
        if "*" in holder or not name:
            return f"core_pattern is {pattern}: the directory cannot be told from that"
        with places.opened(holder, ids, patient=True) as here:
            return _found(here, holder, name, pid, uid, uses_pid or core_pattern.has_pid(pattern))
    except OSError as error:
        return f"{error.filename or 'its directory'}: {error.strerror}"


def _found(here: Place, holder: str, pattern: str, pid: int, uid: int, has_pid: bool) -> Kept | str:
    listing = here.listable()
    try:
        names = globs.names(listing, [pattern])
    finally:
        os.close(listing)
    for name in names:
        status = _proved(here, name, pid, uid)
        if status and "\n" not in name:
            name = name if has_pid else _renamed(here, name, pid)
            return Kept(pid, status.st_dev, status.st_ino, f"{holder}/{name}")
    return f"no core of it like {holder}/{pattern}"


def _proved(here: Place, name: str, pid: int, uid: int) -> os.stat_result | None:
    try:
        fd = here.regular(name)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        return status if status.st_uid == uid and core_file.is_core_of(fd, pid) else None
    except OSError:
        return None
    finally:
        os.close(fd)


def _renamed(here: Place, name: str, pid: int) -> str:
    """The name with the pid, never that of another file."""
    try:
        os.link(name, f"{name}.{pid}", src_dir_fd=here.fd, dst_dir_fd=here.fd, follow_symlinks=False)
        os.unlink(name, dir_fd=here.fd)
    except OSError:
        return name
    return f"{name}.{pid}"


def opened(core: Kept, ids: Ids | None) -> int:
    """A descriptor to read this core; raises OSError if another file has its name."""
    holder, name = os.path.split(core.path)
    with places.opened(holder, ids, patient=True) as here:
        fd = here.regular(name)
    status = os.fstat(fd)
    if (status.st_dev, status.st_ino) != (core.device, core.inode):
        os.close(fd)
        raise FileNotFoundError(core.path)
    return fd


def bound(cores: Sequence[Kept], most: int, ids: Ids | None) -> list[Kept]:
    """Delete the oldest but `most`; return those that are left."""
    left = [core for core in cores if _is_there(core, ids)]
    for core in left[: max(0, len(left) - most)]:
        holder, name = os.path.split(core.path)
        try:
            with places.opened(holder, ids, patient=True) as here:
                os.unlink(name, dir_fd=here.fd)
        except OSError:
            pass  # it is not ours to delete; then it stays, and is not counted any more
    return left[-most:]


def _is_there(core: Kept, ids: Ids | None) -> bool:
    try:
        fd = opened(core, ids)
    except OSError:
        return False
    try:
        return core_file.is_core_of(fd, core.pid)
    finally:
        os.close(fd)
