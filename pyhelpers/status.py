"""What is the state of every server?  By evidence, whether a monitor runs or not.

    $ python3 -E -s pyhelpers/status.py ROOT CONF_DIR STATE_DIR CWD [--json] [NAME...|--guard]
    msg_server    RUNNING  pid 812, uptime 0:02:35, restarts 1
    route_server  BACKOFF  restarts 4, it ended while it started (exit 3)

Exit, after the LSB: 0 all running · 1 dead, but its pidfile exists · 3 not running ·
4 unknown, no such server, or conf is faulty for an unwatched one · 6 conf is not in order.
`--guard`: see operate/guard_status.py.
"""

from __future__ import annotations

import os
import sys

from base.exits import INTERRUPTED, NOT_CONFIGURED
from operate.command_line import end
from operate.look import Look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from operate.context import Place

RUNNING, DEAD_WITH_PIDFILE, NOT_RUNNING, UNKNOWN = 0, 1, 3, 4


def as_line(row: dict[str, Any], width: int) -> str:
    """The row as a person reads it: name, state, then pid, uptime, restarts and message.  width: of the name."""
    words = []
    if row["pid"]:
        words += [f"pid {row['pid']}", f"uptime {_clock(row['uptime'])}"]
    words.append(f"restarts {row['restarts']}")
    if row["message"]:
        words.append(row["message"])
    return f"{row['name']:{width}}  {row['state']:8}  {', '.join(words)}"


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


def exit_status(rows: list[dict[str, Any]], look: Look) -> int:
    """The LSB exit status for the worst row."""
    worst = RUNNING
    for server, row in zip(look.servers, rows):
        if row["state"] == "UNKNOWN":
            return UNKNOWN
        if row["state"] != "RUNNING" and not (row["state"] == "PAUSED" and row["pid"]):
            files = [source[1] for source in server.sources if source[0] == "pidfile"]
            left = row["state"] == "STOPPED" and any(os.path.exists(path) for path in files)
            worst = max(worst, DEAD_WITH_PIDFILE if left else NOT_RUNNING)
    return worst


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    from operate.context import Place

    names = [word for word in argv[4:] if word != "--json"] or ["all"]
    if names == ["--guard"]:
        from operate import guard_status

        return end(lambda: guard_status.show(Place(*argv[:4]).state_dir, "--json" in argv[4:]))
    status = end(lambda: _show(names, "--json" in argv[4:], Place(*argv[:4])))
    no_such_server = status == NOT_CONFIGURED and names != ["all"]
    return UNKNOWN if no_such_server else status


def _show(names: list[str], as_json: bool, place: Place) -> int:
    watched = place.servers(names, partly=True)
    look = Look(watched, place.state_dir, with_usage=as_json)
    look.is_guest = place.is_guest
    rows = [look.of(server) for server in watched]
    if as_json:
        import json

        print(json.dumps(rows, ensure_ascii=False))
    else:
        width = max((len(row["name"]) for row in rows), default=0)
        print("\n".join(as_line(row, width) for row in rows))
    return UNKNOWN if place.lacks_some else exit_status(rows, look)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
