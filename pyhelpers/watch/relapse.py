"""A helper that fails again and again: the next one waits before it begins, longer each time, and alerts people once.

This runs before we import any other module of the suite, because such an import may be what fails.
"""

from __future__ import annotations

import os
import select
import sys

LONGEST_WAIT = 60  # seconds
ALERT_AFTER = 5  # failures in a row


def pause(failures: int, bout: str, run_dir: str, state_dir: str, conf_dir: str) -> bool:
    """Wait after the second failure in a row and each further one: 1 2 4 … 60 s.  An order ends the wait.

    bout: differs for each series of failures.  False: the shell has ended meanwhile.
    """
    if failures >= ALERT_AFTER:
        try:
            _alert(failures, bout, run_dir, state_dir, conf_dir)
        except Exception as error:  # the cause of the failures may strike here too; we must still wait
            print("monitor.sh:", f"no alert that the helper fails: {error!r}", file=sys.stderr)
    seconds = min(LONGEST_WAIT, 1 << min(failures - 2, 6)) if failures > 1 else 0
    return _wait_for_orders(run_dir, seconds)


def _wait_for_orders(run_dir: str, seconds: int) -> bool:
    # The shell gave us descriptors that are open both ways: with those we would be our own reader and writer.
    events = os.open(f"{run_dir}/events", os.O_WRONLY | os.O_NONBLOCK)
    orders = os.open(f"{run_dir}/orders", os.O_RDONLY | os.O_NONBLOCK)
    for own, inherited in ((events, 4), (orders, 5)):
        os.dup2(own, inherited)
        os.close(own)
    waiting = select.poll()
    waiting.register(5, select.POLLIN)
    return not any(found & select.POLLHUP and not found & select.POLLIN for _, found in waiting.poll(seconds * 1000))


def _alert(failures: int, bout: str, run_dir: str, state_dir: str, conf_dir: str) -> None:
    """Queue the alert for all hooks of all servers, once a bout, and start its delivery."""
    from config import settled
    from state import spool

    message = f"the monitor's helper fails again and again ({failures} times); no server is watched; see what it prints"
    groups = dict(settled.read(f"{run_dir}/settled"))
    hooks = {hook for values in groups.values() for hook in settled.elements(values.get("alert", ""))}
    fields = {"incident": f"monitor-{os.getppid()}-{bout}", "event": "give_up", "server": "monitor"}
    fields.update(message=f"{os.uname().nodename}: monitor: {message}", action="started again")
    fields["hooks"] = ",".join(sorted(hooks))
    queued = [spool.queue(f"{state_dir}/alerts", dict(fields, hook=hook)) for hook in sorted(hooks)]
    if any(queued):
        _deliver(run_dir, state_dir, conf_dir)


def _deliver(run_dir: str, state_dir: str, conf_dir: str) -> None:
    from base.suite import PROGRAMS

    words = ["run", "--settled", f"{run_dir}/settled", f"{state_dir}/alerts", conf_dir]
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1)]
    command = [sys.executable, "-E", "-s", f"{PROGRAMS}/deliver.py", *words]
    closed = [(os.POSIX_SPAWN_CLOSE, fd) for fd in (4, 5)]
    os.posix_spawn(sys.executable, command, os.environ, file_actions=[*null, *closed], setsid=True)
