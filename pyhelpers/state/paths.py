"""Which files are where below STATE_DIR?

restart.log history.jsonl faults.log        what happened, for people and programs
servers/NAME/                               a server's record, want, lock, silence: see state/record.py
servers/NAME,2/                             those of another server of that name: see state/namesakes.py
output/NAME.log                             what a server prints, and its archives: see spawn/turnover.py
alerts/{new,sent,failed}/                   see state/spool.py
monitors/PID/                               the settled conf of a running monitor, and its mailbox
"""

from __future__ import annotations

import os

ELSEWHERE = "set state_dir, -s or MONITOR_STATE to a place of your own"
PRIVATE = 0o700


def state_directory(root: str, option: str, configured: str) -> str:
    """The absolute STATE_DIR: the option (or MONITOR_STATE), else conf's state_dir, else state/ beside monitor.sh."""
    return os.path.abspath(option or configured or f"{root}/state")


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
