"""Become the resident helper; and, at the end, leave nothing of it behind."""

from __future__ import annotations

import os
import sys

from base.suite import PROGRAMS
from config.launch_settings import forget_our_supervisor
from spawn import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def become(words: Sequence[str]) -> int:
    """`alive.py watch RUN_DIR STATE_DIR CONF_DIR PSUTIL_HOME`: live until the orders end; returns the exit status.

    The first time round it only becomes subreaper, and starts over: ctypes, which that needs,
    would cost 0.7 MiB for ever.
    """
    if words[:1] != ["--reaper"]:
        launch.become_subreaper()
        execute(words)
    return _watch(*words[1:])


def execute(arguments: Sequence[str]) -> None:
    """Execute the helper in this process, which is subreaper; returns never."""
    command = [sys.executable, "-E", "-s", "-S", f"{PROGRAMS}/alive.py", "watch", "--reaper", *arguments]
    os.execv(sys.executable, command)


def _watch(run_dir: str, state_dir: str, conf_dir: str, psutil_home: str) -> int:
    from watch.watcher import Watcher

    forget_our_supervisor()
    os.umask(0o077)
    os.chdir("/")
    watcher = Watcher(run_dir, state_dir, conf_dir, psutil_home)
    launch.close_inherited()  # the shell's ends of the FIFOs, and whatever else it was started with
    watcher.begin()
    watcher.loop.run()
    remove_run_dir(run_dir)
    return 0


def remove_run_dir(run_dir: str) -> None:
    """Take away the monitor's own directory and the FIFOs in it."""
    try:
        for name in ("mailbox", "orders", "settled", "asked", "key"):
            os.unlink(f"{run_dir}/{name}")
        os.rmdir(run_dir)
    except OSError:
        pass  # the next monitor clears it away
