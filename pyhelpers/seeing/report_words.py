"""What stands behind `report` on the command line."""

from __future__ import annotations

from base.exits import USAGE, Refused
from base.tokens import nearest

OPTIONS = "--days --output --refresh".split()
USUAL_DAYS, MOST_DAYS = 90, 1096
MOST_REFRESH = 86400  # seconds


class Words:
    """names: of servers, [] for all; days: how many, with today; output: a path, "" for standard output;
    refresh: seconds, 0 for never.  Raises Refused.
    """

    def __init__(self, words: list[str]) -> None:
        self.names: list[str] = []
        self.days, self.refresh, self.output = USUAL_DAYS, 0, ""
        rest = words[::-1]
        while rest:
            self._take(rest.pop(), rest)

    def _take(self, word: str, rest: list[str]) -> None:
        if word == "--days":
            self.days = _number(word, rest, MOST_DAYS)
        elif word == "--refresh":
            self.refresh = _number(word, rest, MOST_REFRESH)
        elif word == "--output":
            self.output = _next(word, rest)
        elif word.startswith("-"):
            raise Refused(USAGE, f"report: no such option: {word}{nearest(word, OPTIONS)}")
        else:
            self.names.append(word)


def _next(word: str, rest: list[str]) -> str:
    if not rest or not rest[-1]:
        raise Refused(USAGE, f"report: {word} needs a value")
    return rest.pop()


def _number(word: str, rest: list[str], most: int) -> int:
    value = _next(word, rest)
    if not (value.isascii() and value.isdigit() and len(value) < 9 and 1 <= int(value) <= most):
        raise Refused(USAGE, f'report {word}: "{value}" is not a number from 1 to {most}')
    return int(value)
