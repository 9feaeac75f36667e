"""End the servers because their machine goes down: each before those that it needs, by its own `stop`.

The monitor has ended by then, or it would start them again.  What operators want of them stays as it is, so that the
next boot starts them, however far this came.
"""

from __future__ import annotations

import os
import sys
import traceback

from base.exits import FAILED, GOOD, Refused
from operate import standalone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.target import Target


def halt(waves: list[list[Target]]) -> int:
    """End the servers of each wave side by side, and print how it went; return the worst status, GOOD or FAILED.

    A monitor that lives keeps its servers.
    """
    status = GOOD
    for wave in waves:
        sys.stdout.flush()
        children = [_beside(target) for target in wave if not target.monitor]
        ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        status = FAILED if any(ended) else status
    return status


def _beside(target: Target) -> int:
    """End a server in a process of its own, whose pid we return: a slow end delays no other."""
    child = os.fork()
    if child:
        return child
    status = FAILED
    try:
        status = _end(target)
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _end(target: Target) -> int:
    try:
        target.take_turn()
        if target.monitor:
            raise Refused(FAILED, f"the monitor with pid {target.monitor} has begun to watch it; stop it again")
        print(f"{target.name}: {standalone.stopped(*standalone.end_unwatched(target))}")
    except Refused as refused:
        print(f"{target.name}: {refused}", file=sys.stderr)
        return refused.status
    return GOOD
