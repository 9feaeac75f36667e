"""The servers on a screen, live: a table, each server's last events, and what it writes.

    $ python3 -E -s pyhelpers/top.py ROOT CONF_DIR STATE_DIR CWD [--control] [NAME...]
    09:12:33 | 2 servers: 1 running, 1 BACKOFF | by state
    NAME          STATE        PID UPTIME RESTARTS  CPU  MEM  LAST
    route_server  BACKOFF        -      -        4    -    -  it ended while it started (exit 3)
    msg_server    RUNNING      812  2m35s        1 0.3%  12M  signal SEGV

It reads what status reads, never the mailbox, and ends with the screen.  Where there is no terminal, or none on which
text can be placed (TERM=dumb), it is one `status`.

Exit: 0 ended by the user, 1 the terminal is gone · 2 usage · 4, 6 as status · 130 by Ctrl-C; without a screen as
status.
"""

from __future__ import annotations

import os
import signal
import sys

from base.exits import INTERRUPTED
from base.suite import PROGRAMS
from operate.command_line import end
from seeing.top_words import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from seeing.session import Session


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    return end(lambda: _run(Words(argv[4:]), argv[:4]))


def _run(words: Words, places: list[str]) -> int:
    """Raises settle.ConfError, Refused."""
    if not _has_screen():
        status = [sys.executable, "-E", "-s", f"{PROGRAMS}/status.py", *places, *words.names]
        os.execv(sys.executable, status)
    from operate.recurring_look import RecurringLook
    from seeing.session import Session

    looks = RecurringLook(places, words.names or ["all"])
    rows = looks.rows()  # faults of conf are printed before the screen is drawn
    signal.signal(signal.SIGTERM, _terminated)
    return _show(Session(looks, rows, places, words.may_order))


def _has_screen() -> bool:
    """Do we read from a terminal, and write to one on which text can be placed?"""
    if not os.isatty(0):
        return False
    try:
        from seeing import canvas
    except ImportError:  # this Python was made without curses
        return False
    return canvas.can_place_text()


def _show(session: Session) -> int:
    from seeing.canvas import Canvas

    canvas = Canvas()
    status = INTERRUPTED
    try:
        canvas.begin()
        status = session.run(canvas)
    except KeyboardInterrupt:
        pass
    finally:
        canvas.end()
        session.close()
    for order in session.under_way():
        print(f"{order}: goes on; ./monitor.sh status shows its outcome")
    return status


def _terminated(number: int, frame: FrameType | None) -> None:
    """The terminal is to be as it was."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
