"""The table that `status` shows to people: its columns, their order, the colours of the states, and the sum."""

from __future__ import annotations

import sys

from base import figures, terminal
from base.cells import harmless, wrapped
from base.terminal import BOLD_RED, CYAN, GREEN, RED, YELLOW
from operate.folded import count
from operate.table import Column, lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from operate.table import Row

WORST_FIRST = "FATAL UNKNOWN BACKOFF EXITED STOPPED STOPPING STARTING PAUSED STANDBY RUNNING".split()
COLOURS = {
    **dict.fromkeys(["FATAL"], BOLD_RED),
    **dict.fromkeys(["UNKNOWN"], RED),
    **dict.fromkeys(["BACKOFF", "STARTING", "STOPPING"], YELLOW),
    **dict.fromkeys(["PAUSED", "STANDBY"], CYAN),
    **dict.fromkeys(["RUNNING"], GREEN),
}
KEYS = "name state cpu mem uptime restarts pid".split()
FIELDS = {"cpu": "cpu_percent", "mem": "memory_bytes"}  # of a row, where the key has another name
GREATEST_FIRST = ("cpu", "mem", "restarts")


def _known(row: Row, field: str, as_text: Any) -> str:
    return "" if row[field] is None else as_text(row[field])


def _count(row: Row) -> str:
    number = count(row)
    return f"{number} " if number > 1 else ""


COLUMNS = (
    Column("NAME", lambda row: row["name"]),
    Column("STATE", lambda row: _count(row) + harmless(row["state"]), least=8, colours=COLOURS),
    Column("PID", lambda row: " " if count(row) > 1 else _known(row, "pid", str), least=7, is_number=True, yields=5),
    Column("UPTIME", lambda row: _known(row, "uptime", figures.age), is_number=True, yields=4),
    Column("RESTARTS", lambda row: str(row["restarts"]), is_number=True, yields=3),
    Column("CPU", lambda row: _known(row, "cpu_percent", figures.percent), least=4, is_number=True, yields=1),
    Column("MEM", lambda row: _known(row, "memory_bytes", figures.size), least=4, is_number=True, yields=2),
    Column("WHY", lambda row: _known(row, "message", harmless)),
)


def in_order(rows: list[Row], key: str) -> list[Row]:
    """The rows by one of KEYS: the worst or greatest first, the youngest by uptime, name and pid from the lowest on.

    A row without that value comes last; equal rows stay as they are, and so do all if key is "".
    """
    if not key:
        return rows
    if key == "state":
        return sorted(rows, key=lambda row: _rank(row["state"]))
    field = FIELDS.get(key, key)
    known = [row for row in rows if row[field] is not None]
    sign = -1 if key in GREATEST_FIRST else 1
    known.sort(key=lambda row: row[field] if key == "name" else sign * row[field])
    return known + [row for row in rows if row[field] is None]


def _rank(state: str) -> int:
    """The lower, the worse; a state that only a later version knows might be anything."""
    return WORST_FIRST.index(state) if state in WORST_FIRST else -1


def summary(rows: list[Row]) -> str:
    """`20 servers: 18 running, 1 FATAL, 1 BACKOFF`: those that run, then the others, the worst first."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["state"]] = counts.get(row["state"], 0) + count(row)
    running = counts.pop("RUNNING", 0)
    words = [f"{running} running"] * (running > 0)
    words += [f"{counts[state]} {harmless(state)}" for state in sorted(counts, key=_rank)]
    return f"{sum(map(count, rows))} servers: {', '.join(words)}"


def screen(rows: list[Row]) -> tuple[list[str], list[str]]:
    """The lines that show these rows on standard output, whatever that is: a head and a line for each row; the foot."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal may lack a letter
    total = [summary(rows)] if sum(map(count, rows)) > 1 else []
    if not terminal.is_terminal():
        return lines(COLUMNS, rows, None), total
    width = terminal.size()[0]
    shown = lines(COLUMNS, rows, width, terminal.has_colours())
    return shown, [part for line in total or _whole_message(rows, shown) for part in wrapped(line, width)]


def _whole_message(rows: list[Row], shown: list[str]) -> list[str]:
    """The message of a single server, if its line has only the beginning."""
    messages = [COLUMNS[-1].text(row) for row in rows]
    return [message for message in messages if not shown[-1].endswith(message)]
