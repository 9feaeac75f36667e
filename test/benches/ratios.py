"""From figures to a table: medians of the runs, the best peer, and ours in ratio to that.  Less is always better."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Union

from benches.figures import median
from benches.peers import FLOOR, OURS

Figures = dict[tuple[str, int], dict[str, list[float]]]  # by row and number of servers, then by name: one a run
About = dict[str, Union[str, int, list[str]]]  # what else is known of the runs


class Row(NamedTuple):
    """A line of the table, or one for each size."""

    key: str
    title: str
    unit: str


ROWS = (
    Row("restart", "SIGKILL to the next instruction, p50", "ms"),
    Row("forking", "the same of a server that forks by itself", "ms"),
    Row("start", "start of {n}", "s"),
    Row("burst", "{n} killed at once, all back", "s"),
    Row("wakeups", "idle for a minute with {n}: wakeups", ""),
    Row("cpu", "idle for a minute with {n}: CPU", "ms"),
    Row("memory", "memory with {n} (PSS)", "MiB"),
    Row("status", "`status` of {n}", "s"),
)


class Line(NamedTuple):
    """A line of the table with its figures: the median of each, the best peer, and ours in ratio to that."""

    row: Row
    size: int
    medians: dict[str, float]
    best: str
    ratio: float | None


def lines(figures: Figures) -> list[Line]:
    """The lines, in the order of ROWS and then of size."""
    order = {row.key: number for number, row in enumerate(ROWS)}
    rows = {row.key: row for row in ROWS}
    found = []
    for key, size in sorted(figures, key=lambda pair: (order[pair[0]], pair[1])):
        medians = {name: median(values) for name, values in figures[key, size].items() if values}
        peers = {name: value for name, value in medians.items() if name not in (FLOOR, OURS)}
        best = min(peers, key=lambda name: peers[name], default="")
        found.append(Line(rows[key], size, medians, best, ratio(medians.get(OURS), peers.get(best))))
    return found


def ratio(ours: float | None, best: float | None) -> float | None:
    """Ours to that of the best peer; None where one is missing, or nothing can be less than the best."""
    if ours is None or best is None or (best == 0 and ours > 0):
        return None
    return ours / best if best else 1.0


def shown(value: float | None) -> str:
    """A figure in three digits; – for none."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def spread(values: Sequence[float]) -> str:
    """Our own figure, and what it was between in several runs."""
    if len(values) < 2:
        return shown(median(values))
    return f"{shown(median(values))} ({shown(min(values))}–{shown(max(values))})"


def markdown(figures: Figures, names: Iterable[str]) -> str:
    """The table; names: of its columns, in this order."""
    others = [name for name in names if name != OURS]
    text = f"| | {' | '.join(others)} | {OURS} | to the best peer |\n|{'---|' * (len(others) + 3)}\n"
    for line in lines(figures):
        title = line.row.title.replace("{n}", str(line.size)) + (f", {line.row.unit}" if line.row.unit else "")
        cells = [shown(line.medians.get(name)) for name in others]
        ours = figures[line.row.key, line.size].get(OURS, [])
        cells += [spread(ours) if ours else "–", f"{shown(line.ratio)} {line.best}".strip()]
        text += f"| {title} | {' | '.join(cells)} |\n"
    return text


def record(figures: Figures, about: About) -> str:
    """All of it as JSON."""
    found = [
        {
            "row": line.row.key,
            "servers": line.size,
            "unit": line.row.unit,
            "runs": figures[line.row.key, line.size],
            "medians": line.medians,
            "best_peer": line.best,
            "ratio": line.ratio,
        }
        for line in lines(figures)
    ]
    return json.dumps({**about, "rows": found}, indent=1, ensure_ascii=False) + "\n"
