"""Since when?  The clock that start ticks count on; and which clock to use for what.

waits, deadlines            time.monotonic(): a step of the wall clock does not move it, a suspend stops it
did a server fall silent?   loop/awake_clock.py, loop/deadline.py: monotonic seconds, excluding our own pauses
identity, age, uptime       boot_seconds() and start ticks: both include the time of a suspend
what people read or write   time.time(): log lines, names of files, quiet hours, silences; never a wait of the watcher
"""

from __future__ import annotations

import os
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def boot_seconds() -> float:
    """Seconds since boot, including suspends: the clock of start ticks."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
