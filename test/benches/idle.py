"""What does it cost to watch servers that live?"""

from __future__ import annotations

import time
from pathlib import Path

from benches.keeping import suite
from benches.spending import spend


def idle(scratch: Path, number: int, seconds: int) -> None:
    """What it costs to watch servers that live."""
    run = suite(scratch, number)
    try:
        time.sleep(5)
        assert run.process
        spend([run.process], seconds, number)
    finally:
        run.end()
