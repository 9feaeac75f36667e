"""Which files are where below STATE_DIR?

restart.log history.jsonl faults.log        what happened, for people and programs
tally.json                                  what metrics count: see seeing/tally.py
servers/NAME/                               a server's record, want, lock, silence: see state/record.py
servers/NAME,2/                             those of another server of that name: see state/namesakes.py
output/NAME.log                             what a server prints, and its archives: see spawn/turnover.py
alerts/{new,sent,failed}/                   see state/spool.py
monitors/PID/                               the settled conf of a running monitor, and its mailbox
"""

from __future__ import annotations

import os
import stat

ELSEWHERE = "set state_dir, -s or MONITOR_STATE to a place of your own"
PRIVATE = 0o700


def state_directory(root: str, option: str, configured: str) -> str:
    """The absolute STATE_DIR: the option (or MONITOR_STATE), else conf's state_dir, else state/ beside monitor.sh.

    In a container the root directory is often read-only; then the last is in memory or in /tmp, the same place for all
    programs of one user.
    """
    if option or configured:
        return os.path.abspath(option or configured)
    beside = os.path.abspath(f"{root}/state")
    return _in_memory() or beside if _is_read_only(beside) else beside


def _is_read_only(directory: str) -> bool:
    """Is its file system mounted so, or that of its parent, as long as it does not exist?"""
    for path in (directory, os.path.dirname(directory)):
        try:
            return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
        except OSError:
            continue
    return False


def _in_memory() -> str:
    """The first such place where we may write, and where no one else has put something with our name; "" if none is."""
    for place in ("/run", "/dev/shm", "/tmp"):
        path = f"{place}/monitor.sh-{os.geteuid()}"
        if os.access(place, os.W_OK | os.X_OK) and not _is_read_only(place) and _is_private(path):
            return path
    return ""


def _is_private(path: str) -> bool:
    """Is it a directory that we alone may write, or is it yet to come?"""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return True
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def server_directory(state_dir: str, kept_in: str) -> str:
    """The directory of one server.  kept_in: its name, or what stands for it: see state/namesakes.py."""
    return f"{state_dir}/servers/{kept_in}"


def output_directory(state_dir: str) -> str:
    """The directory of the logs that we keep for servers."""
    return f"{state_dir}/output"


def make_private(directory: str) -> None:
    """Make directory and its missing parents, readable for us only.  Raises OSError."""
    mask = os.umask(0o077)  # makedirs applies its mode only to the last directory
    try:
        os.makedirs(directory, exist_ok=True)
    finally:
        os.umask(mask)
