"""Note that a server was stopped while no monitor watches it: else the next one would report that as a death.

At the end of `run` the monitor, which writes restart.log and history.jsonl, has ended before its servers; so their last
lines are ours.
"""

from __future__ import annotations

import json
import os
import time

from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.target import Target

OF_PROCESS = (
    "starting pid ticks exe cwd sid seen invocation cgroup uid kids started source mode message ending images parent "
    "parent_ticks unit beats"
).split()
FOR_GROUP = 0o640  # as the monitor makes them: see state/access.py


def forget(target: Target) -> None:
    """Its process and all that it left have ended: the record has it as stopped, and names no process.

    A full disk takes none of it; the server is stopped nevertheless.
    """
    known = target.known()
    if known["pid"]:
        try:
            record.write(target.directory, {**known, **dict.fromkeys(OF_PROCESS, ""), "state": "STOPPED"})
        except OSError:
            pass


def log(target: Target, pid: int, took: str) -> None:
    """Log that the end of run has stopped it, as far as the disk has room.

    pid: the process that was ended; took: what that took beyond the first signal, "" for nothing.
    """
    now = time.time()
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    how = f" ({took})" if took else ""
    event = {"time": record.iso_time(now), "event": "stopped", "server": target.name, "pid": pid, "cause": ""}
    event.update(action="stopped at the end of run", incident="", detail=took)
    text = f"Server {target.server.shown} stopped at the end of run, pid={pid}{how}"
    try:
        _append(f"{target.state_dir}/restart.log", f"{clock} - {text}\n")
        _append(f"{target.state_dir}/history.jsonl", json.dumps(event, separators=(",", ":")) + "\n")
    except OSError:
        pass


def _append(path: str, line: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FOR_GROUP)
    try:
        os.write(fd, line.encode("utf-8", "surrogateescape"))
    finally:
        os.close(fd)
