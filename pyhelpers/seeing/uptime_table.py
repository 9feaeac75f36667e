"""`status --uptime`: how available each server was, for people and for programs."""

from __future__ import annotations

import math
import time

from base import terminal
from base.cells import harmless
from base.progress import Progress
from operate import table
from operate.table import Column
from seeing import lines
from seeing.course import DOWN, UNKNOWN, Course, courses, key_in, key_of
from seeing.history_table import lasted
from seeing.uptime import Uptime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from operate.context import Place
    from proc.server import Server

# what is no figure: no time of the period was watched and wanted
NOTHING = ""


def percent(share: float) -> str:
    """`100%`, `99.98%`; never rounded up to 100."""
    return "100%" if share == 100 else f"{math.floor(share * 1000) / 1000:g}%"


def _share(uptime: Uptime) -> str:
    return NOTHING if uptime.percent is None else percent(uptime.percent)


def _lasted(seconds: float | None) -> str:
    return NOTHING if seconds is None else lasted(seconds)


COLUMNS = (
    Column("NAME", lambda row: harmless(row["server"].shown).replace(" ", "_")),
    Column("UPTIME", lambda row: _share(row["uptime"]), is_number=True),
    Column("DOWN", lambda row: lasted(row["uptime"].seconds[DOWN]), is_number=True),
    Column("OUTAGES", lambda row: str(len(row["uptime"].outages)), is_number=True),
    Column("LONGEST", lambda row: _lasted(row["uptime"].longest), is_number=True, yields=2),
    Column("MEAN", lambda row: _lasted(row["uptime"].mean), is_number=True, yields=1),
    Column("UNWATCHED", lambda row: lasted(row["uptime"].seconds[UNKNOWN])),
)


def show(place: Place, names: list[str], seconds: float, as_json: bool) -> int:
    """Print the figures of the last so many seconds.  Raises settle.ConfError, Refused, OSError."""
    servers = place.servers(names, partly=True)
    now = time.time()
    with Progress() as progress:
        known = courses(lines.read(place.state_dir, progress.show), now)
    found = [(server, _of(server, known, now - seconds, now)) for server in servers]
    if as_json:
        import json

        print(json.dumps([_object(*each) for each in found], ensure_ascii=False))
    else:
        rows = [{"server": server, "uptime": uptime} for server, uptime in found]
        cells = terminal.size()[0] if terminal.is_terminal() else None
        print("\n".join(table.lines(COLUMNS, rows, cells, terminal.has_colours())))
    return 0


def _of(server: Server, known: dict[tuple[str, str], Course], begin: float, end: float) -> Uptime:
    """Of a server that the history does not know nothing is known."""
    course = known.get(key_in(known, server))
    if not course:
        course = Course()
        course.end(end)
    return Uptime(course, begin, end)


def _object(server: Server, uptime: Uptime) -> dict[str, Any]:
    return {
        "name": server.name,
        "dir": key_of(server)[1] or None,
        "percent": uptime.percent,
        "up_seconds": round(uptime.seconds["up"], 3),
        "down_seconds": round(uptime.seconds[DOWN], 3),
        "off_seconds": round(uptime.seconds["off"], 3),
        "unwatched_seconds": round(uptime.seconds[UNKNOWN], 3),
        "outages": len(uptime.outages),
        "longest_seconds": uptime.longest,
        "mean_seconds": uptime.mean,
    }
