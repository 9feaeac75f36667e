"""Which names in a directory match a pattern of glob(7)?

We do not use fnmatch: it would load the regular expressions (1 MiB) into the resident process.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def names(directory: str | int, patterns: Sequence[str]) -> list[str]:
    """Names in the directory (path or descriptor) that match one of the patterns, sorted.

    Only a dot matches a leading dot.  Raises OSError if the directory cannot be read.
    """
    return sorted(name for name in os.listdir(directory) if any(fits(name, pattern) for pattern in patterns))


def fits(name: str, pattern: str) -> bool:
    """Does the pattern match the whole name?  * ? [abc] [a-z] [!abc], as in glob(7)."""
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return _fits(name, pattern)


def _fits(name: str, pattern: str) -> bool:
    while pattern:
        if pattern[0] == "*":
            rest = pattern.lstrip("*")
            return any(_fits(name[at:], rest) for at in range(len(name) + 1))
        if not name:
            return False
        taken = _one(name[0], pattern)
        if not taken:
            return False
        name, pattern = name[1:], pattern[taken:]
    return not name


def _one(letter: str, pattern: str) -> int:
    """How many characters of the pattern match this letter; 0: they do not match."""
    if pattern[0] == "?":
        return 1
    end = pattern.find("]", 2)
    if pattern[0] != "[" or end < 0:
        return int(letter == pattern[0])
    inside = pattern[1:end]
    negated = inside[0] == "!"
    return (end + 1) if _in_set(letter, inside[negated:]) != negated else 0


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
