"""How long from SIGKILL to the first instruction of the new process?"""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

from benches.keeping import floor, suite
from benches.peers import runit


def latency(scratch: Path, kills: int) -> None:
    """Rounds over all of them, so that a noisy moment meets each alike."""
    runs = [floor(scratch), suite(scratch, 1), suite(scratch, 1, logs=True)]
    silent = suite(scratch, 1, more=["output = /dev/null\n"])
    silent.name = "monitor.sh, output to /dev/null"
    runs.append(silent)
    if shutil.which("runsv"):
        runs.append(runit(scratch))
    found: dict[str, list[float]] = {run.name: [] for run in runs}
    try:
        for _ in range(kills):
            time.sleep(1.6)  # past the throttles of all
            for run in random.sample(runs, len(runs)):  # who comes first, or behind another kind, is slower
                found[run.name] += run.kill(run.ids)
    finally:
        for run in runs:
            run.end()
    least = sorted(found[runs[0].name])[kills // 2]
    for name, times in found.items():
        times.sort()
        middle, high = times[len(times) // 2], times[int(len(times) * 0.95)]
        print(f"{name:30}  n {len(times)}   p50 {middle:.2f} ms   p95 {high:.2f} ms   {middle / least:.2f}")
