"""How were the servers, and how are they now?  One HTML file, without scripts.

    $ python3 -E -s pyhelpers/report.py ROOT CONF_DIR STATE_DIR CWD [NAME...] [--days 90] [--output FILE] [--refresh S]

It shows what is wrong now, a bar of days and a timeline of the last 24 hours for each server, restarts a day, incidents
by date with the last words of servers, and a table.  Reads history.jsonl, what was turned over before, and what status
reads.  FILE is replaced by rename.

Exit: 0 · 1 FILE cannot be written · 2 usage · 4 no permission · 6 no such server, or conf is not in order.
"""

from __future__ import annotations

import os
import sys
import time

from base.exits import USAGE, Refused
from base.progress import Progress
from operate.command_line import end
from operate.context import Place
from seeing.report_words import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server


def obey(words: Words, places: list[str]) -> int:
    """Write the report.  Raises settle.ConfError, Refused, OSError."""
    if not words.output and sys.stdout.isatty():
        raise Refused(USAGE, "report: it is HTML; write it to a file with --output FILE, or into a pipe")
    with Progress() as progress:
        raw = _document(words, Place(*places), progress)
    if words.output:
        from seeing import report_file

        report_file.write(words.output, raw)
    else:
        sys.stdout.buffer.write(raw)
    return 0


def _document(words: Words, place: Place, progress: Progress) -> bytes:
    from seeing import page_document
    from seeing.findings import Findings

    servers = place.servers(words.names or ["all"], partly=True)
    names = {server.name for server in servers}
    found = Findings(time.time(), words.days, lambda key: not words.names or key[0] in names)
    found.read(place.state_dir, progress.show)
    progress.show("writing the report")
    subjects = found.subjects(servers, _rows(servers, place), has_former=not words.names)
    return "".join(page_document.parts(found, subjects, _host(), words.refresh)).encode("utf-8", "replace")


def _rows(servers: list[Server], place: Place) -> list[dict[str, object]]:
    from operate.look import Look

    look = Look(servers, place.state_dir, is_brief=True)
    look.is_guest = place.is_guest
    return [look.of(server) for server in servers]


def _host() -> str:
    return os.uname().nodename


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    return end(lambda: obey(Words(argv[4:]), argv[:4]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
