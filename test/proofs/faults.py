"""Every fault of the injection matrix: each place of the code that calls a function, each error, from both moments.

See test/faults.bats.  With a smaller size, so many of them by the seed, none twice.  A run whose fault did not strike
shows nothing: the process came by there when the calls were listed, and now it did not.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from proofs import bats
from proofs.given import Given
from proofs.result import Result

SIZE = 100_000  # faults; from so many on all that there are
FILE = "faults.bats"
MISSED = 0.1  # at most this share of the faults may not have struck
COUNTS = re.compile(r", (\d+) bad, (\d+) missed")


def prove(given: Given) -> Result:
    """List all faults, then try them in given.jobs shares."""
    title = bats.titles(FILE)[0]
    path = given.scratch / "all"
    listed = bats.play([bats.Run(FILE, title=title, settings={"FAULTS_ALL": str(path)})], given)[0]
    every = path.read_text().splitlines() if path.exists() else []
    if listed.wrong or not every:
        return Result(given.word, "no faults", given.seed, listed.wrong or [f"{listed.run}: no fault was listed"])
    most = len(every) if given.size >= SIZE else min(given.size, len(every))
    wanted = random.Random(given.seed).sample(every, most)
    runs = [
        bats.Run(FILE, title=title, settings={"FAULTS_LIST": _share(given.out, number, share)})
        for number, share in enumerate(wanted[start :: given.jobs] for start in range(given.jobs))
        if share
    ]
    return _judge(given, bats.play(runs, given), len(wanted), len(every))


def _share(out: Path, number: int, share: list[str]) -> str:
    """A file with these faults."""
    path = out / f"faults-{number + 1}.list"
    path.write_text("".join(f"{line}\n" for line in share))
    return str(path)


def _judge(given: Given, played: list[bats.Played], wanted: int, every: int) -> Result:
    wrong = [what for each in played for what in each.wrong]
    struck = sum(each.tap.total("faults") for each in played)
    missed = sum(int(counts[2]) for each in played for _, _, rest in each.tap.made if (counts := COUNTS.match(rest)))
    if struck + missed != wanted:
        wrong.append(f"{struck + missed} faults were tried, of {wanted}")
    if missed > wanted * MISSED:
        wrong.append(f"{missed} of {wanted} faults did not strike")
    made = f"{struck} faults of a matrix of {every}"
    return Result(given.word, made, given.seed, wrong, [f"{missed} did not strike"])
