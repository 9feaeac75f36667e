"""Who else may give orders and read the state?  The members of `control_group`, if conf names one.

    drwxr-s---  root im  state/  state/servers/  state/servers/NAME/     they may list it
    -rw-r-----  root im  state/servers/NAME/record, want, answers, dir   they may read it
    -rw-r-----  root im  state/restart.log, history.jsonl                they may read it
    drwx--s---  root im  state/monitors/PID/                             they may pass through it to the mailbox
    p-w--w----           state/monitors/PID/mailbox                      they may write it, not read it

They may do nothing else: a monitor that runs as root would follow what they create, rename or replace.  They may not
open the lock either, because a process that can open it can hold it; the mailbox shows them that a monitor watches.
If conf names no group, we withdraw the rights of an earlier one.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LOOK, PASS, READ, WRITE = 0o2750, 0o2710, 0o640, 0o620
OURS_ALONE = 0o700


def gid_of(group: str) -> int:
    """The number of a group by name or number; -1 for none.  Raises KeyError."""
    import grp

    if not group:
        return -1
    return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid


def give(state_dir: str, names: Iterable[str], run_dir: str, gid: int) -> None:
    """Let the group read the state of these servers and give orders; gid -1: no group.

    Raises OSError if we may not change the files.
    """
    shared = [state_dir, f"{state_dir}/servers", f"{state_dir}/monitors"]
    if gid < 0:
        for directory in shared:
            _take_back(directory)
        return
    for directory in [*shared, *(f"{state_dir}/servers/{name}" for name in names)]:
        os.makedirs(directory, OURS_ALONE, exist_ok=True)
        if _let(directory, gid, LOOK) and directory not in shared:
            _let_read(directory, gid)
    _let(run_dir, gid, PASS)
    _let(f"{run_dir}/mailbox", gid, WRITE)


def _let(path: str, gid: int, mode: int) -> bool:
    """Set group and mode of path; False if both were set already."""
    status = os.lstat(path)
    if (status.st_gid, stat.S_IMODE(status.st_mode)) == (gid, mode):
        return False
    os.chown(path, -1, gid, follow_symlinks=False)
    os.chmod(path, mode)
    return True


def _let_read(directory: str, gid: int) -> None:
    for name in ("record", "want", "answers", "dir"):
        if os.path.exists(f"{directory}/{name}"):
            _let(f"{directory}/{name}", gid, READ)


def _take_back(directory: str) -> None:
    try:
        if os.stat(directory).st_mode & stat.S_ISGID:
            os.chmod(directory, OURS_ALONE)
    except FileNotFoundError:
        pass


def make(directory: str) -> None:
    """Make a server's directory; the group that may read servers/ may read it too.  Raises OSError."""
    try:
        os.mkdir(directory, OURS_ALONE)
    except FileExistsError:
        return
    except FileNotFoundError:
        os.makedirs(directory, OURS_ALONE, exist_ok=True)  # another monitor may make it at the same moment
    if os.stat(os.path.dirname(directory)).st_mode & stat.S_ISGID:
        os.chmod(directory, LOOK)
