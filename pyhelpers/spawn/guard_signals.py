"""Which signals does a guard pass on to its program?"""

from __future__ import annotations

import os
import signal

ENDING = {signal.SIGTERM, signal.SIGINT}
FORWARDED = ENDING.union(
    (getattr(signal, f"SIG{name}") for name in "HUP QUIT USR1 USR2 ALRM VTALRM PROF CONT WINCH URG IO PWR".split()),
    range(signal.SIGRTMIN, signal.SIGRTMAX + 1),
)


def heard() -> set[int]:
    """The signals that a guard waits for: those it passes on, except ignored ones (nohup(1), `&`); and SIGCHLD."""
    return {number for number in FORWARDED if signal.getsignal(number) != signal.SIG_IGN} | {signal.SIGCHLD}


def silence() -> None:
    """Put standard input and output on /dev/null; stop ignoring the signals that we pass on."""
    null = os.open(os.devnull, os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    if null > 2:
        os.close(null)
    for number in FORWARDED:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
