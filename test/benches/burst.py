"""How long until the last of many that are killed at once is back?"""

from __future__ import annotations

import time
from pathlib import Path

from benches.keeping import suite


def burst(scratch: Path, number: int) -> None:
    """All at once, three times."""
    run = suite(scratch, number)
    try:
        for _ in range(3):
            time.sleep(4)
            times = sorted(run.kill(run.ids))
            print(f"{number} killed at once: half back in {times[number // 2]:.0f} ms, all in {times[-1]:.0f} ms")
    finally:
        run.end()
