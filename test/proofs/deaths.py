"""Was each death told once, and each server started once for it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping


def untrue(killed: Iterable[str], told: Iterable[str]) -> list[str]:
    """What the history has wrong, a sentence each.

    killed: the incident of each death that we caused.  told: the incident of each death in history.jsonl.
    """
    caused, times = set(killed), Counter(told)
    wrong = [f"a death that is not told: {incident}" for incident in sorted(caused - set(times))]
    wrong += [f"a death that is told {n} times: {incident}" for incident, n in sorted(times.items()) if n > 1]
    return wrong + [f"a death that was none of ours: {incident}" for incident in sorted(set(times) - caused)]


def unequal(what: str, wanted: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """A sentence for each server that has another number than it should."""
    names = sorted(wanted.keys() | found.keys())
    return [
        f"{name}: {found.get(name, 0)} {what}, wanted {wanted.get(name, 0)}"
        for name in names
        if found.get(name, 0) != wanted.get(name, 0)
    ]
