"""Since when?  Start ticks and the clock that they count on."""

from __future__ import annotations

import os
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def boot_seconds() -> float:
    """Seconds since boot, sleep of the machine included: the clock of start ticks."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
