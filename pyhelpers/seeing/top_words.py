"""What stands behind `top` on the command line."""

from __future__ import annotations

from base.exits import USAGE, Refused
from base.tokens import nearest

OPTIONS = ["--control"]


class Words:
    """names: patterns of servers, `all` if there was none; may_order: with --control.  Raises Refused."""

    def __init__(self, words: list[str]) -> None:
        unknown = [word for word in words if word.startswith("-") and word not in OPTIONS]
        if unknown:
            raise Refused(USAGE, f"top: no such option: {unknown[0]}{nearest(unknown[0], OPTIONS)}")
        self.may_order = "--control" in words
        self.names = [word for word in words if word not in OPTIONS]
