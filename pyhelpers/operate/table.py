"""A table for people and for awk: a head, then a line for each row.

On a terminal it fits the width: columns that matter less give way, then the first column is cut, and the last column
has what is left.  On a pipe it has all columns in full, and `-` for what is empty, so the n-th word is always that of
the n-th column; only the last column may hold blanks.
"""

from __future__ import annotations

from base.cells import cut, padded, width
from base.terminal import BOLD, painted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Row = dict[str, Any]
    Colour = Callable[["Column", str], str]

UNKNOWN = "-"
LEAST_FIRST = 8  # cells
WANTED_LAST, LEAST_LAST = 16, 8  # cells: for more, other columns give way; for fewer, the first one is not cut


class Column:
    """One column.

    text: what it shows of a row, harmless, "" for nothing; least: its fewest cells, so that it does not move from one
    table to the next; is_number: it stands at the right; yields: when it gives way, 1 first, 0 never; colours: of its
    words, by base/terminal.py.
    """

    __slots__ = "colours gap head is_number least text yields".split()

    def __init__(
        self,
        head: str,
        text: Callable[[Row], str],
        least: int = 0,
        is_number: bool = False,
        yields: int = 0,
        colours: dict[str, str] | None = None,
    ) -> None:
        self.head = head
        self.text = text
        self.least = max(least, len(head))
        self.is_number = is_number
        self.yields = yields
        self.colours = colours or {}
        self.gap = " " if is_number else "  "  # in front of it, unless it is the first; a number has blanks of its own


def lines(columns: Sequence[Column], rows: Sequence[Row], cells: int | None, in_colours: bool = False) -> list[str]:
    """The table, without line ends.  cells: the width of the terminal, which no line exceeds; None: a pipe."""
    grid = [[column.head for column in columns], *([column.text(row) for column in columns] for row in rows)]
    filled = len(columns) if cells is None else len(columns) - 1
    for texts in grid:
        texts[:filled] = [text or UNKNOWN for text in texts[:filled]]
    widths = {at: max(columns[at].least, *map(width, texts)) for at, texts in enumerate(zip(*grid))}
    if cells is not None:
        widths = _fitted(columns, widths, cells)
        grid = [[cut(text, widths.get(at, 0)) for at, text in enumerate(texts)] for texts in grid]
    head, *others = grid
    shown = [_line(columns, head, widths, _bold if in_colours else _none)]
    return shown + [_line(columns, texts, widths, _by_word if in_colours else _none) for texts in others]


def _fitted(columns: Sequence[Column], widths: dict[int, int], cells: int) -> dict[int, int]:
    """The columns that fit, by their place, with their widths."""
    kept = dict(widths)
    last = len(columns) - 1
    kept[last] = min(kept[last], WANTED_LAST)
    yielding = [at for at in kept if columns[at].yields]
    for at in sorted(yielding, key=lambda at: columns[at].yields):
        if _taken(columns, kept) > cells:
            del kept[at]
    kept[last] = min(kept[last], LEAST_LAST)
    excess = _taken(columns, kept) - cells
    if excess > 0:
        kept[0] = max(min(kept[0], LEAST_FIRST), kept[0] - excess)
    kept[last] = max(0, kept[last] + cells - _taken(columns, kept))
    return kept


def _taken(columns: Sequence[Column], widths: dict[int, int]) -> int:
    return sum(cells + (len(columns[at].gap) if at else 0) for at, cells in widths.items())


def _line(columns: Sequence[Column], texts: list[str], widths: dict[int, int], colour: Colour) -> str:
    words = []
    last = len(columns) - 1
    for at, cells in widths.items():
        column, text = columns[at], texts[at]
        word = text if at == last else padded(text, cells, column.is_number)
        words.append((column.gap if at else "") + word.replace(text, painted(text, colour(column, text)), 1))
    return "".join(words).rstrip()


def _none(column: Column, text: str) -> str:
    return ""


def _bold(column: Column, text: str) -> str:
    return BOLD


def _by_word(column: Column, text: str) -> str:
    return column.colours.get(text.rpartition(" ")[2], "")  # "4 RUNNING" has the colour of RUNNING
