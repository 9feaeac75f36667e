"""Text as HTML, and as much of it as there is room for.

Whatever a server, an operator or conf says is text: it comes into the document only through text() or lines(), in an
element or between quotation marks.  Source: https://html.spec.whatwg.org/multipage/syntax.html
"""

from __future__ import annotations

import math

from base.cells import harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_ESCAPES = {ord(letter): f"&#{ord(letter)};" for letter in "&<>\"'`="}


def text(words: str) -> str:
    """One line, without control characters and marks that change the direction of writing."""
    return harmless(words).translate(_ESCAPES)


def lines(words: str) -> str:
    """The same, and its line ends stay."""
    return "\n".join(map(text, words.split("\n")))


def fitting(parts: Iterable[str], most: int) -> tuple[list[str], int]:
    """As many parts, from the first on, as are at most so many bytes together; and how many there are besides."""
    found: list[str] = []
    left = 0
    for part in parts:
        most -= len(part.encode("utf-8", "replace"))
        if most < 0 or left:
            left += 1
        else:
            found.append(part)
    return found, left


def number(amount: float) -> str:
    """`12`, `12.5`: for a coordinate."""
    return f"{amount:.1f}".removesuffix(".0")


def plural(count: int, word: str) -> str:
    """`1 outage`, `2 outages`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def share(percent: float | None) -> str:
    """`99.980%`, `100%`; never rounded up; None: not known, and no text."""
    if percent is None:
        return ""
    return "100%" if percent == 100 else f"{math.floor(percent * 1000) / 1000:.3f}%"
