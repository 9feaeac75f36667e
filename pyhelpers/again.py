"""Execute a monitor again that could not make a process: with the same pid, program and words.

    again.py RUN_DIR [SECONDS]

A shell that cannot fork ends, but an exec needs no new process.  So the shell executes this, which waits until some
processes can be made: first SECONDS (1), then twice as long each time, up to LONGEST_WAIT.  SECONDS 0: another version
of the suite was installed, and this shell is still the old one; then it does not wait.  Servers live on, and the
monitor adopts them.  MONITOR_AGAIN holds this command for the monitor, in case it cannot fork before it watches again.

RUN_DIR/called: the monitor's program, directory and words, each ended by a NUL.
"""

from __future__ import annotations

import os
import sys
import time

from base.exits import FAILED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NEEDED = 3  # processes: the monitor needs one at a time until it watches; the others are a reserve
LONGEST_WAIT = 8


def can_fork(number: int) -> bool:
    """Can we make so many processes that live at the same time?"""
    told, tell = os.pipe()
    pids: list[int] = []
    try:
        while len(pids) < number:
            pid = os.fork()
            if pid == 0:
                _wait_for_parent(told, tell)
            pids.append(pid)
    except OSError:
        return False
    finally:
        os.close(tell)
        os.close(told)
        for pid in pids:
            os.waitpid(pid, 0)
    return True


def _wait_for_parent(told: int, tell: int) -> None:
    """Wait until our parent closes its end of the pipe; then end."""
    try:
        os.close(tell)
        os.read(told, 1)
    finally:
        os._exit(0)


def _say(text: str) -> None:
    print("monitor.sh:", text, file=sys.stderr, flush=True)


def main(argv: Sequence[str]) -> int:
    """The command line; returns only if the monitor cannot be executed."""
    run_dir, seconds = argv[0], int(argv[1]) if len(argv) > 1 else 1
    with open(f"{run_dir}/called", "rb") as called:
        program, directory, *words = called.read().split(b"\0")[:-1]
    if seconds:
        _say("no process can be made; waiting, then starting again; servers live on")
        time.sleep(seconds)
    else:
        _say("the suite was replaced; starting again with the new one; servers live on")
    while not can_fork(NEEDED):
        seconds = min(2 * seconds or 1, LONGEST_WAIT)
        time.sleep(seconds)
    again = [sys.executable, "-E", "-s", os.path.abspath(__file__), run_dir, str(min(2 * seconds or 1, LONGEST_WAIT))]
    os.environ.update(MONITOR_AGAIN="\n".join(again), MONITOR_GUARDED="yes")
    try:
        os.chdir(directory)
        os.execv(program, words)
    except OSError as error:
        _say(f"cannot be executed again: {error.strerror}: {os.fsdecode(program)}")
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
