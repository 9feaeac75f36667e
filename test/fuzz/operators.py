"""watch/operators.py: lines that anyone in control_group may write into the operators' FIFO."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from inputs import HERE, Chooser, holds, nothing_is_executed

from watch import operators

WORDS = (
    "start a 1.1\n", "stop b@80 12.34\n", "signal a 1.2 KILL\n", "signal ", "stop ", " a ", " b@80 ", "1.1", "quit 0\n",
    "update 0\n",
    "hangup 0\n", "\n", " HUP", " ", "helper_gone", "down 1 2 3\n",
)  # fmt: skip
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-")


class Link:
    """What the shell would be sent."""

    waits = False

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, str]] = []

    def emit(self, word: str, number: int, rest: str) -> None:
        """One event."""
        self.sent.append((word, number, rest))


def a_line_is_an_order_or_dropped(choose: Chooser) -> None:
    """Of an order each field is one of a table, or letters that no shell makes anything of."""
    LINK.sent.clear()
    OPERATORS.half = b""
    for _ in range(1 + choose.number(2)):
        os.write(
            OPERATORS._mailbox, (choose.raw(WORDS, most=8) + choose.pick((b"\n", b"", b"y" * 600)))[:4000] or b"\n"
        )
        OPERATORS._turn()
        assert len(OPERATORS.half) <= operators.LONGEST_LINE + 1
    for word, number, rest in LINK.sent:
        if word in ("quit", "update"):
            assert (number, rest) == (0, "") and word == "quit", "there is no plan"
            continue
        order, token, by, *arguments = rest.split(" ")
        assert (
            word == "order" and number in (1, 2) and order.encode() in operators.WORDS | operators.WORDS_WITH_ARGUMENT
        ), rest
        assert token.replace(".", "", 1).isdigit() and token.isascii() and len(token) <= operators.LONGEST_TOKEN, rest
        assert by == "-1" or by.isdigit(), rest
        assert len(arguments) == (order == "signal") and all(LETTERS.issuperset(each) and each for each in arguments), (
            rest
        )
    OPERATORS.report()
    assert all(text.isprintable() and len(text) < 80 for text in SAID)
    SAID.clear()


LINK = Link()
SAID: list[str] = []
os.mkfifo(f"{HERE}/mailbox", 0o600)
_loop: Any = SimpleNamespace(
    on_readable=lambda *_, **__: None,
    ignore=lambda *_: None,
    after=lambda *_: None,
    on_behalf=lambda _, call, *words: call(*words),
)
_servers: Any = {"a": SimpleNamespace(number=1), "b@80": SimpleNamespace(number=2)}
_link: Any = LINK
OPERATORS = operators.Operators(HERE, _loop, _link, _servers, SAID.append)

if __name__ == "__main__":
    nothing_is_executed()
    holds(a_line_is_an_order_or_dropped, size=50)
