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

HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"  # ECMA-48: CUP, EL, ED
RESIZED = {signal.SIGWINCH}


def repeat(rounds: Iterable[Round], draw: Callable[[list[Row]], list[str]], every: float) -> int:
    """Draw a round of rows and remarks every so many seconds, until a signal ends us; draw makes the lines of a screen.

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


def _show(screen: list[str], remarks: list[str], number: int) -> bool:
    """Write a screen, the first has number 0; False if that is no longer possible."""
    if terminal.has_controls():
        columns, height = terminal.size()
        screen = at_most(screen, height - len(remarks))
        sys.stdout.write(_in_place([*screen, *(cut(harmless(line), columns) for line in remarks)]))
    else:
        for line in remarks:
            print(line, file=sys.stderr)
        sys.stdout.write("\n" * (number > 0) + "".join(f"{line}\n" for line in screen))
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _in_place(screen: list[str]) -> str:
    """The screen from the upper left on; the cursor stays behind its last line, so that nothing scrolls."""
    return HOME + "\n".join(f"{CLEAR_LINE}{line}" for line in screen) + CLEAR_BELOW


def at_most(screen: list[str], height: int) -> list[str]:
    """The screen, or its beginning and its last line with `… N more` between, if it has more lines than height."""
    left_out = len(screen) - max(height - 2, 1)
    if len(screen) <= height or left_out < 2:
        return screen
    return [*screen[:-left_out], f"… {left_out - 1} more", screen[-1]]
