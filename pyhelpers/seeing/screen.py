"""What is to be seen on a terminal: lines with styles, without any knowledge of how a terminal gets them.

A style is a text of parameters of SGR in ECMA-48, as base/terminal.py has them: "1;31" is bold and red, "" is plain.
"""

from __future__ import annotations

from base.cells import cut, padded
from base.terminal import BOLD, YELLOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Size = tuple[int, int]  # columns and lines of the terminal

REVERSE = "7"


class Line:
    """One line.  text: harmless; style: of all of it; spans: (where in the text, how many letters, style) of parts."""

    __slots__ = "spans style text".split()

    def __init__(self, text: str, style: str = "", spans: Sequence[tuple[int, int, str]] = ()) -> None:
        self.text = text
        self.style = style
        self.spans = spans


def marked(line: Line, width: int) -> Line:
    """The line as the one that the user has chosen."""
    return Line(padded(line.text, width), REVERSE)


def whole(head: list[Line], body: list[Line], foot: list[Line], size: Size) -> list[Line]:
    """A screen: the head at the top, the foot at the bottom, and of the body what fits in between.

    If there is no room for all of that, the foot counts most, then the body: its first line is shown, if any is.
    """
    height = size[1]
    foot = foot[-height:]
    head = head[: max(height - len(foot) - (len(body) > 0), 0)]
    room = height - len(head) - len(foot)
    body = body[:room] + [Line("")] * (room - len(body))
    return [*head, *body, *foot]


def title(text: str, width: int) -> Line:
    """A line that begins a part of the screen."""
    return Line(cut(text, width), BOLD)


def warning(text: str, width: int) -> Line:
    """Something that the user should know."""
    return Line(cut(text, width), YELLOW)
