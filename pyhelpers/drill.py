"""Kill a healthy server on purpose, and measure how it comes back."""

from __future__ import annotations

import os
import signal
import time

import evidence
import identity
import record
from target import FAILED, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from target import Target


def drill(target: Target, deadline: float) -> str:
    """Kill it; what to say of how it came back.  deadline: monotonic seconds.  Raises Refused."""
    process = evidence.recorded(target.before, record.boot_id())
    state = target.before["state"] or "unknown"
    if not target.monitor or state != "RUNNING" or not process:
        raise Refused(FAILED, f"no drill: it is not RUNNING under a monitor (state {state})")
    pidfd = os.pidfd_open(process.pid)
    if identity.ticks_of(process.pid) != process.ticks:
        raise Refused(FAILED, "no drill: it has just ended")
    began = time.monotonic()
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    return _follow(target, process.pid, began, deadline)


def _follow(target: Target, killed: int, began: float, deadline: float) -> str:
    back = 0.0
    while time.monotonic() < deadline:
        known = target.known()
        passed = time.monotonic() - began
        if known["pid"] not in ("", str(killed)) and not known["starting"]:
            back = back or passed
            if known["state"] == "RUNNING":
                new = f"pid {known['pid']} after {back * 1000:.0f} ms, RUNNING after {passed:.1f}s"
                return f"killed pid {killed}; back as {new}"
        time.sleep(0.001)
    raise Refused(FAILED, f"killed pid {killed}; it is not back: state {target.known()['state']}")
