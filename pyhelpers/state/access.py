"""Who else may order and look?  The members of `control_group`, where conf names one.

    drwxr-s---  root im  state/  state/servers/  state/servers/NAME/     may be looked into
    -rw-r-----  root im  state/servers/NAME/record, want, answers        may be read; so may restart.log, history.jsonl
    drwx--s---  root im  state/monitors/PID/                             may be gone through, to
    p-w--w----           state/monitors/PID/mailbox                      which may be written, not read

Nothing else is theirs: what they could create, rename or replace, a monitor that is root would follow.  Not the lock
either, for whoever may open it may hold it: that a monitor watches, they see by its mailbox.  Where no group is named,
what an earlier one was given is taken back.
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
    """Let the group look at these servers and order; -1: nobody.  Raises OSError: it is not ours to give."""
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
    """False: it was so already."""
    status = os.lstat(path)
    if (status.st_gid, stat.S_IMODE(status.st_mode)) == (gid, mode):
        return False
    os.chown(path, -1, gid, follow_symlinks=False)
    os.chmod(path, mode)
    return True


def _let_read(directory: str, gid: int) -> None:
    for name in ("record", "want", "answers"):
        if os.path.exists(f"{directory}/{name}"):
            _let(f"{directory}/{name}", gid, READ)


def _take_back(directory: str) -> None:
    try:
        if os.stat(directory).st_mode & stat.S_ISGID:
            os.chmod(directory, OURS_ALONE)
    except FileNotFoundError:
        pass


def make(directory: str) -> None:
    """Make a server's directory, for those who may look at its neighbours.  Raises OSError."""
    try:
        os.mkdir(directory, OURS_ALONE)
    except FileExistsError:
        return
    except FileNotFoundError:
        os.makedirs(directory, OURS_ALONE)
    if os.stat(os.path.dirname(directory)).st_mode & stat.S_ISGID:
        os.chmod(directory, LOOK)
