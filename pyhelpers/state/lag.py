"""How late is a monitor?  RUN_DIR/lag: its helper writes it each interval (watch/lag.py), status and metrics read it.

    $ cat state/monitors/811/lag
    3 0 1 0 1795132887

loop_ms     the longest that one event kept all others waiting, since the line before: so late a death may be seen
mailbox_ms  the shell has read no event for at least so long, so no restart is ordered
late_ms     so much later than its interval this line is: another program took the CPU, or a signal stopped the helper
missed      intervals that passed without a look, since this helper began
at          Unix seconds

It is written in place, by lines of one length, so who reads it reads until it has the same twice.
"""

from __future__ import annotations

import os

MOST_READS = 5
KEYS = "loop_ms mailbox_ms late_ms missed at".split()
DELAYS = ("loop_ms", "mailbox_ms", "late_ms")


def read(run_dir: str) -> dict[str, int] | None:
    """The figures by KEYS; None: there is no such file, or it is none of ours."""
    try:
        with open(f"{run_dir}/lag", "rb", buffering=0) as source:
            figures = [int(word) for word in _settled(source.fileno()).split()]
    except (OSError, ValueError):
        return None
    return dict(zip(KEYS, figures)) if len(figures) == len(KEYS) else None


def _settled(fd: int) -> bytes:
    """The line, as it is twice in a row: one that is just being written may be half of each."""
    line = os.pread(fd, 1 << 10, 0)
    for _ in range(MOST_READS):
        before, line = line, os.pread(fd, 1 << 10, 0)
        if line == before:
            return line
    return b""


def worst(figures: dict[str, int]) -> float:
    """The longest of its delays, in seconds.  figures: as read() returns them."""
    return max(figures[key] for key in DELAYS) / 1000
