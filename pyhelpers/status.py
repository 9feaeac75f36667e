"""What is the state of every server?  By evidence, whether a monitor runs or not.

    $ python3 pyhelpers/status.py ROOT CONF_DIR STATE_DIR CWD [NAME...|--guard] [--json|--watch [2s]]
                                [--sort KEY] [--all]
    NAME          STATE        PID UPTIME RESTARTS  CPU  MEM  WHY
    msg_server    RUNNING      812  2m35s        1 0.3%  12M  -
    route_server  BACKOFF        -      -        4    -    -  it ended while it started (exit 3)
    2 servers: 1 running, 1 BACKOFF

Exit, after the LSB: 0 all running · 1 dead, but its pidfile exists · 3 not running ·
4 unknown, no such server, or conf is faulty for an unwatched one · 6 conf is not in order · 130 --watch, by Ctrl-C.
`--guard`: see operate/guard_status.py; `--env NAME`: operate/env_names.py; `--uptime [30d]`: seeing/uptime_table.py.
"""

from __future__ import annotations

import os
import sys

from base.exits import INTERRUPTED, NOT_CONFIGURED, Refused
from operate import folded, status_table
from operate.command_line import end
from operate.look import Look
from operate.status_words import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from operate.context import Place
    from operate.table import Row
    from proc.server import Server

AS_WANTED = ("RUNNING", "STANDBY")
RUNNING, DEAD_WITH_PIDFILE, NOT_RUNNING, UNKNOWN = 0, 1, 3, 4


def exit_status(rows: list[Row], look: Look) -> int:
    """The LSB exit status for the worst row."""
    worst = RUNNING
    for server, row in zip(look.servers, rows):
        if row["state"] == "UNKNOWN":
            return UNKNOWN
        if row["state"] not in AS_WANTED and not (row["state"] == "PAUSED" and row["pid"]):
            files = [source[1] for source in server.sources if source[0] == "pidfile"]
            left = row["state"] == "STOPPED" and any(os.path.exists(path) for path in files)
            worst = max(worst, DEAD_WITH_PIDFILE if left else NOT_RUNNING)
    return worst


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    try:
        words = Words(argv[4:])
    except Refused as refused:
        print(refused, file=sys.stderr)
        return refused.status
    status = end(lambda: _answer(words, argv[:4]))
    return UNKNOWN if status == NOT_CONFIGURED and words.names != ["all"] else status


def _answer(words: Words, places: list[str]) -> int:
    """Print what was asked for; return the exit status.  Raises settle.ConfError, Refused."""
    from operate.context import Place

    if words.of_env:
        from operate import env_names

        return env_names.show(Place(*places), words.names)
    if words.of_guard:
        from operate import guard_status

        return guard_status.show(Place(*places).state_dir, words.as_json)
    if words.uptime:
        from seeing import uptime_table

        return uptime_table.show(Place(*places), words.names, words.uptime, words.as_json)
    if words.every:
        from operate import status_watch

        return status_watch.repeat(_rounds(words, places), status_table.screen, words.every)
    return _show(words, Place(*places))


def _show(words: Words, place: Place) -> int:
    """Print one look; return the exit status.  Raises settle.ConfError, Refused."""
    look, rows = _look(words, place)
    shown = status_table.in_order(rows, words.sort)
    if words.as_json:
        import json

        print(json.dumps(shown, ensure_ascii=False))
    else:
        table, foot = status_table.screen(_folded(words, look.servers, shown))
        print("\n".join([*table, *foot]))
    return UNKNOWN if place.lacks_some else exit_status(rows, look)


def _look(words: Words, place: Place) -> tuple[Look, list[Row]]:
    watched = place.servers(words.names, partly=True)
    look = Look(watched, place.state_dir, is_brief=not words.as_json)
    look.is_guest = place.is_guest
    return look, [look.of(server) for server in watched]


def _rounds(words: Words, places: list[str]) -> Iterator[tuple[list[Row], list[str]]]:
    """For each look at the servers: their rows, and the errors of conf.  Raises settle.ConfError, Refused."""
    from operate.recurring_look import RecurringLook

    looks = RecurringLook(places, words.names)
    while True:
        rows = looks.rows()
        servers = [row["server"] for row in rows]
        yield _folded(words, servers, status_table.in_order(rows, words.sort)), looks.remarks


def _folded(words: Words, servers: list[Server], rows: list[Row]) -> list[Row]:
    """Equal instances of a server as one row, unless --all asks for each."""
    bases = {server.name: server.base for server in servers if server.base != server.name}
    return rows if words.is_unfolded or not bases else folded.folded(rows, bases)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
