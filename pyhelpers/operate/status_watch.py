"""`status --watch`: the table again and again, in place on a terminal, one below the other on a pipe."""

from __future__ import annotations

import signal
import sys
import time

from base import terminal
from base.cells import cut, harmless
from base.exits import FAILED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from operate.table import Row

    Round = tuple[list[Row], list[str]]
    Screen = tuple[list[str], list[str]]

HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"  # ECMA-48: CUP, EL, ED
RESIZED = {signal.SIGWINCH}


def repeat(rounds: Iterable[Round], draw: Callable[[list[Row]], Screen], every: float) -> int:
    """Draw a round of rows and remarks every so many seconds, until a signal ends us; draw: as screen() in
    operate/status_table.py.

    Returns the exit status when nobody reads any more; what could not be written is left in the buffer of stdout.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, RESIZED)
    try:
        for number, (rows, remarks) in enumerate(rounds):
            deadline = time.monotonic() + every
            is_read = _show(draw(rows), remarks, number)
            while is_read and signal.sigtimedwait(RESIZED, max(deadline - time.monotonic(), 0)):
                is_read = _show(draw(rows), remarks, number)
            if not is_read:
                break
    finally:
        if terminal.has_controls():
            sys.stdout.write("\n")  # behind the last line
    return FAILED


def _show(screen: Screen, remarks: list[str], number: int) -> bool:
    """Write a screen, the first has number 0; False if that is no longer possible."""
    table, foot = screen
    if terminal.has_controls():
        columns, height = terminal.size()
        foot = [*foot, *(cut(harmless(line), columns) for line in remarks)]
        sys.stdout.write(_in_place([*at_most(table, height - len(foot)), *foot]))
    else:
        for line in remarks:
            print(line, file=sys.stderr)
        sys.stdout.write("\n" * (number > 0) + "".join(f"{line}\n" for line in [*table, *foot]))
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _in_place(lines: list[str]) -> str:
    """The lines from the upper left on; the cursor stays behind the last one, so that nothing scrolls."""
    return HOME + "\n".join(f"{CLEAR_LINE}{line}" for line in lines) + CLEAR_BELOW


def at_most(table: list[str], height: int) -> list[str]:
    """The table, or its beginning and `… N more` if it has more lines than height, which is 2 or more."""
    if len(table) <= max(height, 2):
        return table
    shown = max(height, 2) - 1
    return [*table[:shown], f"… {len(table) - shown} more"]
