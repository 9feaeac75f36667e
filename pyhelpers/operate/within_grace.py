"""Stop all servers within a time, each before those that it needs, each by its own `stop` as far as the time allows.

Every wave gets what it may need by its `stop`, or its fair part of the time if all together need more.  So a server
that ignores TERM for a minute takes nothing from the database that it needs: at the end of its part it is killed, and
the database still has time to shut down.  What operators want of the servers stays as it is.
"""

from __future__ import annotations

import os
import select
import sys
import time
import traceback

from base.exits import FAILED, GOOD, Refused
from config.settled import joined_list
from operate import ended_record, standalone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.target import Target

OVERHEAD = 0.5  # seconds of a wave beside the waits of `stop`: to find the processes, and to end what they left
FOR_SIGNALS = 0.8  # the part of a share in which the server itself is to end; the rest is for what it leaves behind
KILLED_WITHIN = 2.0  # seconds after its share
KILL = 9


def stop_all(waves: list[list[Target]], until: float) -> int:
    """Stop the servers of one wave after the other; return GOOD or FAILED.

    until: monotonic seconds.  What lives then is killed at once.
    """
    status = GOOD
    for number, wave in enumerate(waves):
        now = time.monotonic()
        share = _share([wish(each) for each in waves[number:]], until - now)
        status = max(status, _stop_wave([target for target in wave if not target.monitor], now + share))
    return status


def wish(wave: list[Target]) -> float:
    """Seconds that the slowest of these servers may take by its `stop`."""
    return max(sum(_waits(target)) for target in wave) / 1000 + OVERHEAD


def _waits(target: Target) -> list[int]:
    return [int(step) for step in [*target.server.stop, *_command(target)[-1:]] if step.isdigit()]


def _command(target: Target) -> list[str]:
    from config.life_settings import asked

    return asked(target.server, "stop_command")


def _share(wishes: list[float], left: float) -> float:
    """The seconds of the first of these waves: what the others do not wish for, or a fair part if left is too short.

    Fair: a wave that wishes for less than an equal part gets its wish, and the others divide the rest.
    """
    spare = left - sum(wishes)
    if spare >= 0:
        return wishes[0] + spare
    rest, others = left, len(wishes)
    for wish in sorted(wishes):
        if wish > rest / others:
            break
        rest, others = rest - wish, others - 1
    return max(0.0, min(wishes[0], rest / others))


def _stop_wave(wave: list[Target], until: float) -> int:
    left = max(0.0, until - time.monotonic()) * FOR_SIGNALS
    slow = _side_by_side([(target, _within(target, left)) for target in wave], until)
    late = _side_by_side([(target, _at_once(target)) for target in slow], until + KILLED_WITHIN)
    for target in late:
        print(f"{target.server.shown}: could not be stopped in time", file=sys.stderr, flush=True)
    return FAILED if late else GOOD


def _within(target: Target, seconds: float) -> tuple[list[str], list[str]]:
    """Its `stop` for so many seconds, with KILL at their end: the signals, and the command before them."""
    total = sum(_waits(target))
    part = min(1.0, seconds * 1000 / total) if total else 1.0
    steps = [str(int(int(step) * part)) if step.isdigit() else step for step in target.server.stop]
    if steps and steps[-1].isdigit():
        steps.append("KILL")
    command = _command(target)
    if command:
        command[-1] = str(int(int(command[-1]) * part))
    return (steps, command) if seconds > 0 else (["KILL"], [])


def _at_once(target: Target) -> tuple[list[str], list[str]]:
    target.server.vital = {key: value for key, value in target.server.vital.items() if key != "stop_post"}
    return ["KILL"], []


def _side_by_side(wave: list[tuple[Target, tuple[list[str], list[str]]]], until: float) -> list[Target]:
    """End the servers, each in a process of its own; return those that have not ended by then, or could not."""
    sys.stdout.flush()
    children = {_beside(target, *steps): target for target, steps in wave}
    waiting = select.poll()
    fds = {os.pidfd_open(pid): pid for pid in children}
    for fd in fds:
        waiting.register(fd, select.POLLIN)
    failed = []
    while fds:
        ready = waiting.poll(max(0.0, until - time.monotonic()) * 1000)
        for fd, _ in ready or [(fd, 0) for fd in fds]:
            waiting.unregister(fd)
            pid = fds.pop(fd)
            os.close(fd)
            if not ready:
                os.kill(pid, KILL)
            if os.waitpid(pid, 0)[1]:
                failed.append(children[pid])
    return failed


def _beside(target: Target, steps: list[str], command: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    status = FAILED
    try:
        target.server.stop = steps
        target.server.vital = {**target.server.vital, "stop_command": joined_list(command)}
        _end(target)
        status = GOOD
    except Refused as refused:
        print(f"{target.server.shown}: {refused}", file=sys.stderr)
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _end(target: Target) -> None:
    try:
        target.take_turn()
    except Refused:
        pass  # a full or read-only disk; no operator can be at work there either
    pid, took = standalone.end_unwatched(target)
    if pid:
        ended_record.log(target, pid, took)
    how = ", ".join(filter(None, (f"pid {pid}" if pid else "", took)))
    if how:
        print(f"{target.server.shown}: stopped ({how})")
