"""Since when?  Start ticks and the clock that they count on; and which clock is for what.

waits, deadlines            time.monotonic(): no step of the wall clock moves it, and it stands still in a suspend
did a server fall silent?   loop/awake_clock.py, loop/deadline.py: monotonic seconds, excluding our own pauses
identity, age, uptime       boot_seconds() and start ticks: suspend included, as the kernel counts start ticks
what people read or wrote   time.time(): log lines, names of files, quiet hours, silences; never a wait of the watcher
"""

from __future__ import annotations

import os
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def boot_seconds() -> float:
    """Seconds since boot, sleep of the machine included: the clock of start ticks."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
