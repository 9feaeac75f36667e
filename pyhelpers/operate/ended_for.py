"""With which status does `run --exit-on` end for a server that ended so?  As a shell would: N, or 128 + N for signal N.

>>> status_of("exit 3"), status_of("signal KILL (oom)"), status_of("unknown")
(3, 137, 1)
"""

from __future__ import annotations

import re

from base.exits import FAILED
from proc.cause import SIGNALS

HOW = re.compile(r"\b(?:exit (?P<code>\d{1,3})|signal (?P<signal>[A-Z0-9]+))\b")


def status_of(how: str) -> int:
    """how: a cause as in restart.log, or the reason of a failed start.  One that tells no status is a failure."""
    found = HOW.search(how)
    if not found:
        return FAILED
    if found["code"]:
        return int(found["code"]) & 0xFF
    name = found["signal"]
    number = int(name) if name.isdigit() else SIGNALS.index(name) if name in SIGNALS else 0
    return 128 + number if number else FAILED
