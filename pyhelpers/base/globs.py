"""Which names in a directory match a pattern of glob(7)?

We do not use fnmatch: it would load the regular expressions (1 MiB) into the resident process.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_NAMES = 10_000  # some milliseconds; a larger directory would delay all callers


class TooMany(Exception):
    """The directory holds more names than were looked at; found: those among them that fit, sorted."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(f"more than {MOST_NAMES} names")
        self.found = found


def names(directory: str | int, patterns: Sequence[str], most: int = 0) -> list[str]:
    """Names in the directory (path or descriptor) that match one of the patterns, sorted.

    Only a dot matches a leading dot.  most: so many names are looked at, 0: all.  Raises TooMany, and OSError if
    the directory cannot be read.
    """
    found: list[str] = []
    with os.scandir(directory) as entries:
        for number, entry in enumerate(entries, 1):
            if most and number > most:
                raise TooMany(sorted(found))
            if any(fits(entry.name, pattern) for pattern in patterns):
                found.append(entry.name)
    return sorted(found)


def fits(name: str, pattern: str) -> bool:
    """Does the pattern match the whole name?  * ? [abc] [a-z] [!abc], as in glob(7).

    Where a letter does not match, only the last star takes one letter more: what an earlier one could take, the last
    one can take too.  So the time is at most proportional to name times pattern, whatever the names of the files.
    """
    if name.startswith(".") and not pattern.startswith("."):
        return False
    at = here = 0
    star, taken = -1, 0  # behind the last star, and up to where it reaches
    while at < len(name):
        if here < len(pattern) and pattern[here] == "*":
            here += 1
            star, taken = here, at
            continue
        step = _one(name[at], pattern, here) if here < len(pattern) else 0
        if step:
            at += 1
            here += step
        elif star >= 0:
            taken += 1
            at, here = taken, star
        else:
            return False
    return not pattern[here:].strip("*")


def _one(letter: str, pattern: str, here: int) -> int:
    """How many characters of the pattern match this letter; 0: they do not match."""
    if pattern[here] == "?":
        return 1
    negated = pattern.startswith("[!", here)
    end = pattern.find("]", here + 2 + negated) if pattern[here] == "[" else -1
    if end < 0:
        return int(letter == pattern[here])
    inside = pattern[here + 1 : end]
    return (end + 1 - here) if _in_set(letter, inside[negated:]) != negated else 0


def _in_set(letter: str, inside: str) -> bool:
    while inside:
        if len(inside) > 2 and inside[1] == "-":
            if inside[0] <= letter <= inside[2]:
                return True
            inside = inside[3:]
        else:
            if letter == inside[0]:
                return True
            inside = inside[1:]
    return False
