"""The command line of `run`: what to watch in the foreground, when to end, and how long an end may take.

>>> parse("--exit-on any --grace 30s web db".split())
Asked(exit_on='any', grace=30.0, is_plain=False, names=['web', 'db'])
"""

from __future__ import annotations

from base.exits import USAGE, Refused

GRACE = 10.0  # seconds: Docker and Podman send KILL so long after TERM; Kubernetes waits 30 s
SHORTEST = 0.5


class Asked:
    """exit_on: give_up, any or NAME, "" for none; grace: seconds; is_plain: no NAME before each line."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.exit_on = ""
        self.grace = GRACE
        self.is_plain = False


def parse(words: list[str]) -> Asked:
    """What the words ask for.  Raises Refused."""
    asked = Asked([])
    while words and words[0].startswith("-"):
        option, words = words[0], words[1:]
        if option == "--plain":
            asked.is_plain = True
            continue
        if option not in ("--exit-on", "--grace"):
            raise Refused(USAGE, f"run takes --exit-on give_up|any|NAME, --grace TIME and --plain, not {option}")
        if not words:
            raise Refused(USAGE, f"run: {option} needs a value")
        if option == "--grace":
            asked.grace = _seconds(words[0])
        else:
            asked.exit_on = words[0]
        words = words[1:]
    if not words:
        raise Refused(USAGE, "run needs the names of servers, or all")
    asked.names = words
    return asked


def _seconds(text: str) -> float:
    from config.values import duration

    try:
        found = float(str(duration()(text))) / 1000
    except ValueError as error:
        raise Refused(USAGE, f"run: --grace: {error}") from None
    if found < SHORTEST:
        raise Refused(USAGE, f"run: --grace {text} is too short to stop a server; say at least {SHORTEST:g}s")
    return found
