"""What a row of times says, and on which machine it was measured."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle one; of an even number the mean of the two in the middle."""
    return statistics.median(values)


def high(values: Sequence[float]) -> float:
    """The one below which 95 of 100 are."""
    return sorted(values)[min(int(len(values) * 0.95), len(values) - 1)]


def machine() -> str:
    """Cores, processor and kernel, in a line."""
    names = [line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}, Linux {platform.release()}"


def today() -> str:
    """The date, as ISO 8601 has it."""
    return datetime.date.today().isoformat()
