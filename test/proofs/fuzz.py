"""Each parser takes any input; see test/fuzz.bats.  A parser has several properties, and each gets all inputs."""

from __future__ import annotations

import re

from proofs import bats
from proofs.given import ROOT, Given
from proofs.result import Result

SIZE = 1_000_000  # inputs for each property of each parser
FILE = "fuzz.bats"


def prove(given: Given) -> Result:
    """Each parser is a run of its own, so that several are tried at a time."""
    settings = {"FUZZ": str(given.size), "FUZZ_SEED": str(given.seed)}
    tests = [title for title in bats.titles(FILE) if title in parsers()]
    runs = given.parts(bats.Run(FILE, title=title, settings=settings) for title in tests)
    played = bats.play(runs, given)
    wrong = [what for each in played for what in each.wrong]
    properties = 0
    for each in played:
        tried = {rest[len("for ") :]: number for number, unit, rest in each.tap.made if unit == "inputs"}
        wrong += [f"{name}: {number} inputs, of {given.size}" for name, number in tried.items() if number < given.size]
        if not each.wrong and len(tried) != expected(each.run.title):
            wrong.append(f"{each.run}: {len(tried)} properties, of {expected(each.run.title)}")
        properties += len(tried)
    made = f"{given.size} inputs for each of {properties} properties of {len(runs)} parsers"
    return Result(given.word, made, given.seed, wrong)


def parsers() -> dict[str, str]:
    """Title of a test -> name of its file in test/fuzz/, for the tests that try a parser and do nothing else."""
    text = (ROOT / "test" / FILE).read_text(encoding="utf-8")
    return dict(re.findall(r"^@test \"(.*)\" \{\n\tfuzz (\w+)[^\n]*\n\}$", text, re.M))


def expected(title: str) -> int:
    """How many properties the parser of that test has."""
    text = (ROOT / "test/fuzz" / f"{parsers()[title]}.py").read_text(encoding="utf-8")
    return len(re.findall(r"^    holds\(", text, re.M))
