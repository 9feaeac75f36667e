"""What happened to the servers?  A line for each incident, the newest last.

    $ python3 -E -s pyhelpers/history.py ROOT CONF_DIR STATE_DIR CWD [NAME...] [--since T] [--event E] [--json] [-v]
    WHEN                 SERVER       DOWN DONE       WHAT
    2026-11-20T08:01:27  msg_server   12ms restarted  died (signal SEGV, up 3h)

--since: as for tail; --event: what has that event, a note or an order too; -v: with what it printed last.
Reads history.jsonl, and what was turned over before.

Exit: 0 · 2 usage · 4 no permission · 6 no such server, in the history or in conf.
"""

from __future__ import annotations

import sys
import time
from fnmatch import fnmatchcase

from base.progress import Progress
from operate.command_line import end
from operate.context import Place
from seeing import history_table, incidents, lines
from seeing.history_words import Words


def obey(words: Words, place: Place) -> int:
    """Print what was asked for.  Raises settle.ConfError, Refused, OSError."""
    with Progress() as progress:
        everything = incidents.entries(lines.read(place.state_dir, progress.show))
    names = _names(words.names, {entry.server[0] for entry in everything}, place)
    wanted = {words.event} if words.event else incidents.SHOWN
    found = [
        entry
        for entry in everything
        if wanted.intersection(entry.events if words.event else entry.events[:1])
        and entry.seconds >= words.since
        and (not words.names or entry.server[0] in names)
    ]
    if words.as_json:
        import json

        print(json.dumps(history_table.as_objects(found), ensure_ascii=False))
    elif found:
        print("\n".join(history_table.shown(found, words.verbose)))
    else:
        print("nothing has happened, as far as the history goes")
    return 0


def _names(patterns: list[str], known: set[str], place: Place) -> set[str]:
    """The names that patterns mean.  Raises settle.ConfError, Refused: neither the history nor conf has one."""
    found: set[str] = set()
    for pattern in patterns:
        matching = known if pattern == "all" else {name for name in known if fnmatchcase(name, pattern)}
        found |= matching or {server.name for server in place.servers([pattern], partly=True, quiet=True)}
    return found


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    return end(lambda: obey(Words(argv[4:], time.time()), Place(*argv[:4])))


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
