"""Wait until the monitor under a guard watches, so that an order after `monitor.sh -d` finds it.

    $ python3 -E -s pyhelpers/begun.py STATE_DIR LOG_BYTES

LOG_BYTES: the size of STATE_DIR/monitor.log before.  If the monitor ends meanwhile, its guard starts it again, so this
waits for the next one; if the guard ends too, this prints what they logged.

Exit: 0 the monitor watches · 1 guard and monitor have ended.
"""

from __future__ import annotations

import os
import sys
import time

from base.exits import FAILED, GOOD
from operate import guard_status
from operate.command_line import LOOK_EVERY, end

ELSEWHERE_AFTER = 30.0  # seconds: with a full disk the monitor keeps its directory in memory, where we do not find it


def wait(state_dir: str) -> bool:
    """Wait for the end of the first look at all servers.  False: guard and monitor have ended.  Raises Refused."""
    began = time.monotonic()
    while True:
        info = guard_status.read(state_dir)
        if info is None:
            return False
        if guard_status.is_monitor(state_dir, info.main_id) and not _begins(state_dir, info.main_id):
            return True
        if not guard_status.is_guard(info.parent_id) and not guard_status.is_monitor(state_dir, info.main_id):
            return False
        if time.monotonic() > began + ELSEWHERE_AFTER and not os.path.exists(_run_dir(state_dir, info.main_id)):
            return True
        time.sleep(LOOK_EVERY)


def _run_dir(state_dir: str, monitor: int) -> str:
    return f"{state_dir}/monitors/{monitor}"


def _begins(state_dir: str, monitor: int) -> bool:
    """Has its helper not yet looked at all servers?  It removes the file `beginning` after that look."""
    run_dir = _run_dir(state_dir, monitor)
    return os.path.exists(f"{run_dir}/beginning") or not os.path.exists(f"{run_dir}/settled")


def _logged(state_dir: str, since: int) -> str:
    with open(f"{state_dir}/monitor.log", encoding="utf-8", errors="replace") as log:
        log.seek(since)
        return log.read()


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    state_dir, since = argv[0], int(argv[1])

    def obey() -> int:
        if wait(state_dir):
            return GOOD
        print(_logged(state_dir, since), end="", file=sys.stderr)
        return FAILED

    return end(obey)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
