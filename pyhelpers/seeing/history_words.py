"""What stands behind `history` on the command line."""

from __future__ import annotations

from base.exits import USAGE, Refused
from base.tokens import nearest
from operate.since import parsed

EVENTS = (
    "adopted backtrace conflict core death ended fenced give_up held hung limit moving note order output overlap"
    " overlap_failed recovery reload_failed reloaded restarted start_failed start_post_failed started stop_post_failed"
    " stopped watching"
).split()
OPTIONS = "--since --event --json -v".split()


class Words:
    """names: patterns of servers, [] for all; since: Unix time, or minus infinity; event: one of EVENTS, or "".

    Raises Refused.
    """

    def __init__(self, words: list[str], now: float) -> None:
        self.names: list[str] = []
        self.since = float("-inf")
        self.event = ""
        self.as_json = self.verbose = False
        rest = words[::-1]
        while rest:
            self._take(rest.pop(), rest, now)

    def _take(self, word: str, rest: list[str], now: float) -> None:
        if word == "--json":
            self.as_json = True
        elif word == "-v":
            self.verbose = True
        elif word == "--since":
            self.since = parsed(_next(word, rest), now, "history")
        elif word == "--event":
            self.event = _event(_next(word, rest))
        elif word.startswith("-"):
            raise Refused(USAGE, f"history: no such option: {word}{nearest(word, OPTIONS)}")
        else:
            self.names.append(word)


def _next(word: str, rest: list[str]) -> str:
    if not rest:
        raise Refused(USAGE, f"history: {word} needs a value")
    return rest.pop()


def _event(word: str) -> str:
    if word not in EVENTS:
        raise Refused(USAGE, f"history --event: {word} is none of {', '.join(EVENTS)}{nearest(word, EVENTS)}")
    return word
