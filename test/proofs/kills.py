"""Anything of ours or theirs is killed at any moment, in five shells; see test/chaos.bats and test/chaos_moves.bats."""

from __future__ import annotations

from proofs import bats
from proofs.given import Given
from proofs.result import Result

SIZE = 10_000  # rounds
TESTS = {"chaos.bats": 2, "chaos_moves.bats": 1}  # how many tests of each file play rounds


def prove(given: Given) -> Result:
    """Share given.size rounds among files and shells; each run has a seed of its own."""
    parts = given.parts(bats.Run(file, shell) for shell in bats.SHELLS for file in TESTS)
    rounds = -(-given.size // sum(TESTS[part.file] for part in parts))
    runs = [
        bats.Run(part.file, part.shell, settings=_settings(rounds, given.seed + number))
        for number, part in enumerate(parts)
    ]
    shells = sorted({run.shell for run in runs})
    wrong = list(bats.missing(shells))
    played = bats.play(runs, given)
    for each in played:
        wrong += each.wrong
        if each.tap.total("rounds") < rounds * TESTS[each.run.file] and not each.wrong:
            wrong.append(f"{each.run}: {each.tap.total('rounds')} rounds, of {rounds * TESTS[each.run.file]}")
    made = sum(each.tap.total("rounds") for each in played)
    return Result(given.word, f"{made} rounds in {len(shells)} shells", given.seed, wrong)


def _settings(rounds: int, seed: int) -> dict[str, str]:
    return {"CHAOS_ROUNDS": str(rounds), "CHAOS_SEED": str(seed)}
