"""Several instances of one server that are in the same state as one row of `status`.

    web@1..4  4 RUNNING           2m35s        1 0.8%  48M  -

On a pipe the count and the state are the words of STATE and PID; the words behind them are those of their columns.
Instances that differ in their state, or in what status says about them, have a row each.  `top` shows the servers of a
tag so, too, in a row for each of their states.
"""

from __future__ import annotations

from base.instance_names import joined, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from operate.table import Row

# of a folded row: those that it shows, and what they have in common, a NAME or @TAG
MEMBERS, LABEL = "members", "label"
ALIKE = ("state", "want", "message")
SUMS = ("restarts", "cpu_percent", "memory_bytes")


def count(row: Row) -> int:
    """How many servers this row shows."""
    return len(members(row))


def members(row: Row) -> list[Row]:
    """The rows of these servers."""
    return list(row.get(MEMBERS, (row,)))


def label(row: Row) -> str:
    """What the servers of a folded row have in common."""
    return str(row[LABEL])


def folded(rows: list[Row], bases: Mapping[str, str]) -> list[Row]:
    """The rows, with the instances of each server in one where the first of them stood.

    bases: NAME of each instance NAME@INSTANCE.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["name"] in bases:
            groups.setdefault(bases[row["name"]], []).append(row)
    whole = {base: _instances(base, group) for base, group in groups.items() if _are_alike(group)}
    found: list[Row] = []
    for row in rows:
        base = bases.get(row["name"], "")
        if base not in whole:
            found.append(row)
        elif row is groups[base][0]:
            found.append(whole[base])
    return found


def _are_alike(group: list[Row]) -> bool:
    alike = {tuple(row[key] for key in ALIKE) for row in group}
    return len(group) > 1 and len(alike) == 1 and len({row["name"] for row in group}) == len(group)


def _instances(base: str, group: list[Row]) -> Row:
    return _one(base, joined(base, (split(each["name"])[1] for each in group)), group)


def by_tag(rows: list[Row], tags: Mapping[str, str]) -> list[Row]:
    """The rows, with the servers of each tag that are in one state in one, where the first of them stood.

    tags: @TAG by the name of the server.
    """
    groups: dict[tuple[str, Any], list[Row]] = {}
    for number, row in enumerate(rows):
        tag = tags.get(row["name"], "")
        groups.setdefault((tag, row["state"] if tag else number), []).append(row)
    return [_one(tag, tag, group) if len(group) > 1 else group[0] for (tag, _), group in groups.items()]


def _one(common: str, name: str, group: list[Row]) -> Row:
    """What they share; the shortest uptime, and the sums of restarts, CPU and memory."""
    row = {**group[0], "name": name, "pid": None, MEMBERS: group, LABEL: common}
    row["message"] = row["message"] if len({each["message"] for each in group}) == 1 else None
    row["uptime"] = min(_known(group, "uptime"), default=None)
    row.update((key, sum(_known(group, key)) if _known(group, key) else None) for key in SUMS)
    return row


def _known(group: list[Row], key: str) -> list[Any]:
    return [row[key] for row in group if row[key] is not None]
