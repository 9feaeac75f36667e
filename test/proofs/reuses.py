"""The numbers of a server's processes are given to strangers, and then someone gives an order; see test/reuse.bats.

A round whose number someone else got first shows nothing, and is made again.
"""

from __future__ import annotations

from proofs import bats
from proofs.given import Given
from proofs.result import Result

SIZE = 1_000  # PIDs that are given to a stranger
FILE = "reuse.bats"


def prove(given: Given) -> Result:
    """Share given.size reuses among the shells and tests."""
    parts = given.parts(bats.Run(FILE, shell, title) for shell in bats.SHELLS for title in bats.titles(FILE))
    rounds = -(-given.size // len(parts))
    runs = [
        bats.Run(FILE, part.shell, part.title, {"REUSE_ROUNDS": str(rounds), "REUSE_SEED": str(given.seed + number)})
        for number, part in enumerate(parts)
    ]
    shells = sorted({run.shell for run in runs})
    wrong = list(bats.missing(shells))
    played = bats.play(runs, given)
    for each in played:
        wrong += each.wrong
        if each.tap.total("rounds") != rounds and not each.wrong:
            wrong.append(f"{each.run}: {each.tap.total('rounds')} rounds, of {rounds}")
    made = sum(each.tap.total("rounds") for each in played)
    return Result(given.word, f"{made} reuses in {len(shells)} shells", given.seed, wrong)
