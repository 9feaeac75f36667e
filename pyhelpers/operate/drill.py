"""Kill a healthy server on purpose, and measure its restart."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import datetime

from base.exits import FAILED, NO_PERMISSION, Refused
from proc import evidence, identity
from state import history, record, whole_history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.target import Target

LOOK_EVERY = 0.001  # seconds; a restart takes some milliseconds
HISTORY_TAIL = 1 << 16


def drill(target: Target, deadline: float) -> str:
    """Kill the server and return a sentence about its restart.  deadline: monotonic seconds.  Raises Refused."""
    process = evidence.recorded(target.before, record.boot_id())
    state = target.before["state"] or "unknown"
    if state != "RUNNING" or not process or process.state in "Tt":
        stopped = ", stopped by a signal" if process and process.state in "Tt" else ""
        raise Refused(FAILED, f"no drill: it is not healthy (state {state}{stopped})")
    began = time.monotonic()
    _kill(process)
    return _follow(target, process, began, deadline)


def _kill(process: identity.Process) -> None:
    try:
        pidfd = os.pidfd_open(process.pid)
        if identity.ticks_of(process.pid) != process.ticks:
            raise ProcessLookupError
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        raise Refused(FAILED, "no drill: it has just ended") from None
    except PermissionError:
        raise Refused(NO_PERMISSION, f"no drill: pid {process.pid} is not yours to kill") from None


def _follow(target: Target, killed: identity.Process, began: float, deadline: float) -> str:
    back = 0.0
    while time.monotonic() < deadline:
        known = target.known()
        passed = time.monotonic() - began
        if known["state"] in ("FATAL", "EXITED"):
            break
        if known["pid"] not in ("", str(killed.pid)) and not known["starting"]:
            back = back or passed
            if known["state"] == "RUNNING":
                seen = _seen(target, killed, time.time() - passed)
                new = f"pid {known['pid']} after {back * 1000:.0f} ms, RUNNING after {passed:.1f}s"
                return f"killed pid {killed.pid}; {seen}back as {new}"
        time.sleep(LOOK_EVERY)
    raise Refused(FAILED, f"killed pid {killed.pid}; it is not back: state {target.known()['state']}")


def _seen(target: Target, killed: identity.Process, killed_at: float) -> str:
    """How soon the monitor saw the death, by history.jsonl; "" if unknown.  killed_at: Unix seconds."""
    incident = history.incident_id(target.name, killed.pid, killed.ticks, record.boot_id())
    for line in whole_history.newest(target.state_dir, HISTORY_TAIL):
        if history.is_of(line, incident) and history.is_death(line):
            seen_at = datetime.fromisoformat(json.loads(line)["time"]).timestamp()
            return f"seen after {max(0.0, seen_at - killed_at) * 1000:.0f} ms, "
    return ""
