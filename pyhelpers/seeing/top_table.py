"""The table of `top`: that of `status`, with how a server ended last, and with the style of its state."""

from __future__ import annotations

from base.cells import cut, harmless
from operate import status_table, table
from operate.folded import count
from operate.table import Column
from seeing.screen import Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.table import Row

STATE = "STATE"


def _last(row: Row) -> str:
    """How it ended last, and what there is to say of it; of several servers only that."""
    end, message = (row["last_exit"] or "") if count(row) == 1 else "", row["message"] or ""
    return harmless("; ".join(filter(None, ("" if end in message else end, message))))


def drawn(rows: list[Row], width: int, names: int = 0) -> list[Line]:
    """A head, and a line for each row, none wider than width.  names: cells of the longest name, of rows not shown too,
    so that nothing moves when they come.
    """
    name, *others = status_table.COLUMNS[:-1]
    columns = [Column(name.head, name.text, least=names), *others, Column("LAST", _last)]
    head, *texts = [cut(text, width) for text in table.lines(columns, rows, max(width, 1))]
    at = head.find(STATE)
    return [Line(head, "1"), *(_coloured(text, row, at) for text, row in zip(texts, rows))]


def _coloured(text: str, row: Row, at: int) -> Line:
    state, number = row["state"], count(row)
    style = status_table.COLOURS.get(state, "")
    if at >= 0 and number > 1:
        at += len(f"{number} ")
    return Line(text, "", [(at, len(state), style)] if style and at >= 0 else ())


def longest_name(rows: list[Row]) -> int:
    """Its cells; a name is ASCII."""
    return max((len(row["name"]) for row in rows), default=0)
