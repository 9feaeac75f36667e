"""Turn history.jsonl over: once a year, and when it is large.  It becomes `history-2026.1.jsonl`, then `.2` and so on.

The shell opens history.jsonl for each line, so it writes into a new file from then on.  Nothing is packed or removed:
a year is a few MB, and it is the proof of how available the servers were.  Who packs one with gzip may: it is read too.
"""

from __future__ import annotations

import os
import time

from state.history import MOST
from state.whole_history import NAME, TURNED

FIRST = b'{"time":"'


def turn_if_due(state_dir: str, most: int = MOST) -> None:
    """Turn it over if it is due.  Raises OSError."""
    path = f"{state_dir}/{NAME}"
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        return
    year = _year(path)
    if size >= most or (year and year < time.strftime("%Y")):
        _turn(state_dir, year or time.strftime("%Y"))


def _year(path: str) -> str:
    """The year of the first line; "" if it has none."""
    with open(path, "rb") as history:
        text = history.read(len(FIRST) + 4)
    year = text[len(FIRST) :].decode("ascii", "replace")
    return year if text.startswith(FIRST) and len(year) == 4 and year.isdigit() else ""


def _turn(state_dir: str, year: str) -> None:
    names = set(os.listdir(state_dir))
    number = 1
    while {f"{TURNED}{year}.{number}.jsonl", f"{TURNED}{year}.{number}.jsonl.gz"} & names:
        number += 1
    try:
        os.rename(f"{state_dir}/{NAME}", f"{state_dir}/{TURNED}{year}.{number}.jsonl")
    except FileNotFoundError:
        pass  # another monitor has just done it
