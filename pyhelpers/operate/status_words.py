"""What stands behind `status` on the command line."""

from __future__ import annotations

from base.exits import USAGE, Refused
from base.tokens import nearest
from operate.status_table import KEYS

OPTIONS = "--all --env --fleet --guard --json --sort --uptime --watch".split()
WORST_FIRST = "state"  # what --sort alone means
WATCH_EVERY = 2.0  # seconds
UPTIME_OF = 30 * 86400.0  # seconds
LEAST_MS = 100  # between two tables: each costs a look at every server


class Words:
    """names: of servers, `all` if there was none; is_unfolded: with a row for each instance; sort: one of KEYS, or ""
    for the order of the names; every: seconds between two tables, 0.0 for a single one; uptime: of how many seconds,
    0.0 if not asked for.  Raises Refused.
    """

    def __init__(self, words: list[str]) -> None:
        self.names: list[str] = []
        self.as_json = self.of_guard = self.of_env = self.is_unfolded = False
        self.sort = ""
        self.every = self.uptime = 0.0
        self._take(words)
        self._require_sense()
        self.names = self.names or ["all"]

    def _take(self, words: list[str]) -> None:
        rest = words[::-1]
        while rest:
            word = rest.pop()
            if word == "--json":
                self.as_json = True
            elif word == "--all":
                self.is_unfolded = True
            elif word == "--guard":
                self.of_guard = True
            elif word == "--env":
                self.of_env = True
            elif word == "--sort":
                self.sort = _key(rest.pop()) if rest and not rest[-1].startswith("-") else WORST_FIRST
            elif word == "--watch":
                self.every = _seconds(rest.pop()) if rest and _is_duration(rest[-1]) else WATCH_EVERY
            elif word == "--uptime":
                self.uptime = _period(rest.pop()) if rest and _is_duration(rest[-1]) else UPTIME_OF
            elif word.startswith("-"):
                raise Refused(USAGE, f"status: no such option: {word}{nearest(word, OPTIONS)}")
            else:
                self.names.append(word)

    def _require_sense(self) -> None:
        if self.of_env and (len(self.names) != 1 or self.of_guard or self.as_json or self.sort or self.every):
            raise Refused(USAGE, "status --env takes the name of one server, and nothing else")
        if self.of_guard and (self.names or self.sort or self.every):
            raise Refused(USAGE, "status --guard takes only --json")
        if self.uptime and (self.of_env or self.of_guard or self.sort or self.every):
            raise Refused(USAGE, "status --uptime takes only names, a time like 30d, and --json")
        if self.as_json and self.every:
            raise Refused(USAGE, "status --watch is for people; leave out --json")


def _key(word: str) -> str:
    if word not in KEYS:
        raise Refused(USAGE, f"status --sort: {word} is none of {', '.join(KEYS)}{nearest(word, KEYS)}")
    return word


def _is_duration(word: str) -> bool:
    """Is it a number with or without a unit?  A server with such a name must stand before --watch."""
    return word.rstrip("abcdefghijklmnopqrstuvwxyz").isdigit()


def _seconds(word: str) -> float:
    from config.values import duration

    try:
        return float(str(duration(LEAST_MS)(word))) / 1000
    except ValueError as error:
        raise Refused(USAGE, f"status --watch: {error}") from None


def _period(word: str) -> float:
    """Seconds of `30d`: longer than a duration of conf may be."""
    from config.values import period

    try:
        return period(word)
    except ValueError as error:
        raise Refused(USAGE, f"status --uptime: {error}") from None
