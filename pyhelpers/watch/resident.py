"""Become the resident helper, and clean up at its end."""

from __future__ import annotations

import os
import sys

from base.exits import OTHER_VERSION
from base.suite import PROGRAMS
from config.launch_settings import forget_our_supervisor
from loop import cgroups
from spawn import launch
from watch import output

# This process is subreaper; it has also compiled our modules; it was the watcher before an update
REAPER, COMPILED, RELOADED = "--reaper", "--compiled", "--reloaded"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def version() -> str:
    """What tells our messages.py from that of another suite: shell and helper must have the same table."""
    status = os.stat(f"{PROGRAMS}/watch/messages.py")
    return f"{status.st_mtime_ns} {status.st_size}"


def become(words: Sequence[str]) -> int:
    """`alive.py watch FAILURES BOUT RUN_DIR STATE_DIR CONF_DIR PSUTIL_HOME`: live until the orders end; the status.

    FAILURES: how many helpers before this one failed in a row; BOUT: see watch/relapse.py.

    The first call only makes us subreaper, and executes us again: that needs ctypes, which would cost
    0.7 MiB permanently.
    """
    output.unblock_stderr()
    if _was_replaced(words[2]):
        return OTHER_VERSION
    if words[0] in (REAPER, COMPILED, RELOADED):
        return _watch(*words)
    try:
        launch.become_subreaper()
        _execute([REAPER, "", *words[2:]])
    except (ImportError, OSError) as error:
        _say_no_begin(error)
    return 1


def _say_no_begin(error: Exception) -> None:
    from watch import faults

    print(f"monitor.sh: the helper cannot begin: {error}; {faults.place(error)}", file=sys.stderr)


def _was_replaced(run_dir: str) -> bool:
    """Has the suite been replaced since this monitor began?  Its shell is the old one: it has to begin anew, with us.

    All our modules are imported before the first look, so none comes later from another suite.
    """
    try:
        with open(f"{run_dir}/version") as source:
            return source.read() != version()
    except OSError:
        return False  # there is nothing that we could do about it


def execute(arguments: Sequence[str], kept: int) -> None:
    """Execute the helper anew in this process, which is subreaper; never returns.  kept: see watch/handover.py."""
    _execute([RELOADED, str(kept), *arguments])


def _execute(words: Sequence[str]) -> None:
    # Not -OO, to save 0.1 MiB of docstrings: Debian has no such compiled code of Python's own modules, so they would be
    # compiled at each start, which takes 0.7 MiB
    python = [sys.executable, "-E", "-s", "-S", "-X", "no_debug_ranges"]  # no columns in tracebacks: 20 KiB
    os.execv(sys.executable, [*python, f"{PROGRAMS}/alive.py", "watch", *words])


def _watch(why: str, kept: str, run_dir: str, state_dir: str, conf_dir: str, psutil_home: str) -> int:
    forget_our_supervisor()
    os.umask(0o077)
    os.chdir("/")
    try:
        before = _compiled_at()
        from watch.watcher import Watcher

        if why == REAPER and _compiled_at() != before:  # else we would keep what compiling took: 1.5 MiB
            cgroups.load()
            _execute([COMPILED, kept, run_dir, state_dir, conf_dir, psutil_home])
        _drop_docstrings()
        watcher = Watcher(run_dir, state_dir, conf_dir, psutil_home, int(kept) if kept else None)
        launch.close_inherited()  # the shell's ends of the FIFOs, and all else that we inherited
        watcher.begin()
    except (ImportError, OSError) as error:
        _say_no_begin(error)
        return 1
    watcher.loop.run()
    remove_run_dir(run_dir)
    return 0


def _drop_docstrings() -> None:
    """Those of our modules take 16 KiB, and nobody asks this process for help: what it makes next has their room."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None):
            module.__doc__ = None


def _compiled_at() -> int:
    """When Python last wrote compiled code of this room to the disk, in ns of its clock; 0: never."""
    try:
        return os.stat(f"{PROGRAMS}/watch/__pycache__").st_mtime_ns
    except OSError:
        return 0


def remove_run_dir(run_dir: str) -> None:
    """Remove the monitor's own directory and what is in it.

    `boot` stays, and so does the directory, if the shell was killed: an orderly one empties it (lib/presence.sh).
    """
    try:
        for name in os.listdir(run_dir):
            if name != "boot" or not os.path.getsize(f"{run_dir}/boot"):
                os.unlink(f"{run_dir}/{name}")
        os.rmdir(run_dir)
    except OSError:
        pass  # the next monitor removes it
