"""Entries of the history for people and for programs."""

from __future__ import annotations

import time

from base import figures, terminal
from base.cells import harmless
from operate import table
from operate.table import Column
from seeing.course import ENDS
from state.record import iso_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from seeing.incidents import Entry

WHATS = {
    "death": "died",
    "start_failed": "was not started",
    "give_up": "gave up",
    "stopped": "stopped",
    "ended": "no monitor",
    "fenced": "lost its lock",
    "conflict": "ran without its lock",
    "moving": "was moved away",
}


def lasted(seconds: float) -> str:
    """`12ms`, `3.1s`, `5m09s`: how long something was down."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 59.95 else figures.age(seconds)


def down(entry: Entry) -> str:
    """How long its server was down; an empty text if it was not, or that is not known."""
    if entry.is_open:
        return "is down" if entry.what != "ended" else "still"
    return lasted(entry.down) if entry.down is not None else ""


def what(entry: Entry) -> str:
    """What happened, and why."""
    if entry.why.startswith(f"{entry.what} ("):  # as hung and limit
        return harmless(entry.why)
    what = WHATS.get(entry.what, entry.what)
    return harmless(f"{what} ({entry.why})" if entry.why else what)


def server(entry: Entry) -> str:
    """Its name; with its directory, if it is not the first one of its name."""
    return harmless(" in ".join(filter(None, entry.server)))


def done(entry: Entry) -> str:
    """What was done, and by whom."""
    return harmless(entry.done if entry.by is None else f"{entry.done} by {person(entry.by)}")


def person(uid: object) -> str:
    """The name of a user; the number, if this machine has none."""
    import pwd

    try:
        return pwd.getpwuid(int(str(uid))).pw_name
    except (KeyError, ValueError, OverflowError):
        return f"uid {uid}"


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))


COLUMNS = (
    Column("WHEN", lambda row: _when(row["entry"].seconds)),
    Column("SERVER", lambda row: server(row["entry"]).replace(" ", "_")),
    Column("DOWN", lambda row: down(row["entry"]).replace(" ", "_"), is_number=True),
    Column("DONE", lambda row: done(row["entry"]).replace(" ", "_") or "-", yields=1),
    Column("WHAT", lambda row: what(row["entry"])),
)


def shown(entries: list[Entry], verbose: bool) -> list[str]:
    """The table.  verbose: what a server printed last, and where its core is, below its line."""
    cells = terminal.size()[0] if terminal.is_terminal() else None
    head, *lines = table.lines(COLUMNS, [{"entry": entry} for entry in entries], cells, terminal.has_colours())
    if not verbose:
        return [head, *lines]
    return [head, *(line for entry, text in zip(entries, lines) for line in (text, *_below(entry)))]


def _below(entry: Entry) -> list[str]:
    words = [f"    | {line}" for line in entry.extras.get("output", "").split("\n") if line]
    words += [
        f"    {name}: {line}" for name in ("core", "backtrace") for line in entry.extras.get(name, "").split("\n")[:20]
    ]
    return [harmless(word) for word in words if not word.endswith(": ")]


def as_objects(entries: list[Entry]) -> list[dict[str, Any]]:
    """For --json; null is what is not known, or does not apply."""
    return [
        {
            "time": iso_time(entry.seconds),
            "server": entry.server[0] or None,
            "dir": entry.server[1] or None,
            "event": entry.what,
            "events": entry.events,
            "why": entry.why,
            "action": entry.done,
            "by": entry.by,
            "pid": entry.pid,
            "new_pid": entry.new_pid,
            "down_ms": None if entry.down is None else round(entry.down * 1000),
            "is_down": entry.is_open and entry.what in (*ENDS, "start_failed", "give_up"),
            "incident": entry.incident or None,
            "output": entry.extras.get("output"),
            "core": entry.extras.get("core"),
        }
        for entry in entries
    ]
