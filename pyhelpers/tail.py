"""What do servers say?  Follow the newest log, or the output, of each.

    $ python3 -E -s pyhelpers/tail.py ROOT CONF_DIR STATE_DIR CWD -n 2 msg_server route_server
    msg_server | 2026-11-20, 08:01:27.123, listening on port 8000
    msg_server | 2026-11-20, 08:01:29.004, 1 peer
    route_server | ready

STATE_DIR: "" for that of conf.  We look every 20 ms while a log grows, and every 200 ms while none does: then a look
costs two calls of stat(2) for each log.
Exit: 1 none of them has a log, or no one reads what we print · 2, 6 as config/settle.py, 6 also if its dir does not
exist · 4 we may not read its dir · 130 ended by Ctrl-C.
"""

from __future__ import annotations

import select
import sys
import time

from base.exits import FAILED, INTERRUPTED, NO_PERMISSION, USAGE, Refused
from operate.command_line import end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.followed_logs import FollowedLogs
    from operate.lines import Printer
    from proc.server import Server

DEFAULT_LINES = 50
BUSY_BYTES = 1 << 16  # so much since the last look: look again at once
SHORTEST_MS, LONGEST_MS = 20, 200


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    return end(lambda: _run(argv[:4], argv[4:]))


def _run(place: list[str], words: list[str]) -> int:
    lines, since, names = parse(words, time.time())
    servers, state_dir = _meant(place, names)
    from operate.folder import Folder
    from operate.followed_logs import FollowedLogs
    from operate.lines import Printer
    from state.paths import output_directory

    kept = Folder(output_directory(state_dir))
    has_prefix = len(servers) > 1
    followed = [FollowedLogs(each, state_dir, f"{each.shown} | " if has_prefix else "", kept) for each in servers]
    printer = Printer()
    try:
        _begin(followed, printer, lines, since)
        _follow(followed, printer)
    except BrokenPipeError:
        pass
    return FAILED


def parse(words: list[str], now: float) -> tuple[int, float, list[str]]:
    """Return how many lines (-1: all), since when in Unix time (-1: not said), and the names.  Raises Refused."""
    from operate import since

    lines, begin = -1, -1.0
    while words and words[0].startswith("-"):
        option, words = words[0], words[1:]
        if option[:2] == "-n" and option[2:]:
            option, words = "-n", [option[2:], *words]
        if option not in ("-n", "--since") or not words:
            raise Refused(USAGE, f"tail takes -n LINES and --since TIME, not {option}")
        if option == "--since":
            begin = since.parsed(words[0], now)
        else:
            lines = _number(words[0])
        words = words[1:]
    if not words:
        raise Refused(USAGE, "tail needs the name of a server, a glob, or all")
    return (DEFAULT_LINES if lines < 0 and begin < 0 else lines), begin, words


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused(USAGE, f'tail: -n "{text}" is no number of lines')
    return int(text)


def _meant(place: list[str], names: list[str]) -> tuple[list[Server], str]:
    """The servers, and STATE_DIR.  Who may not look into that may still read the logs of servers."""
    from operate.context import Place

    try:
        here = Place(*place)
    except Refused as refused:
        if refused.status != NO_PERMISSION:
            raise
        return _by_conf(place, names)
    return here.servers(names), here.state_dir


def _by_conf(place: list[str], names: list[str]) -> tuple[list[Server], str]:
    from config import settle
    from proc.server import servers_of
    from state.paths import state_directory

    root, conf_dir, state_dir, cwd = place
    settled = settle.settle(conf_dir, root, cwd, names)
    return servers_of(settled.groups())[1], state_directory(root, state_dir, str(settled.suite["state_dir"]))


def _begin(followed: list[FollowedLogs], printer: Printer, lines: int, since: float) -> None:
    """Print the past.  If only some of the servers have a log, the others may get one.  Raises Refused if none has."""
    refused: list[Refused] = []
    for each in followed:
        try:
            _begin_one(each, printer, lines, since)
        except Refused as refusal:
            refused.append(refusal)
    if len(refused) == len(followed):
        *others, last = refused
        print("".join(f"{each}\n" for each in others), end="", file=sys.stderr)
        raise last
    printer.flush()
    print("".join(f"{each}\n" for each in refused), end="", file=sys.stderr, flush=True)


def _begin_one(each: FollowedLogs, printer: Printer, lines: int, since: float) -> None:
    if since < 0:
        each.begin(lines)
        each.step(printer)
    elif lines < 0:
        each.begin_since(since, printer)
    else:
        printer.keep(lines)
        each.begin_since(since, printer)
        printer.print_kept()


def _follow(followed: list[FollowedLogs], printer: Printer) -> None:
    """Until Ctrl-C, or until no one reads any more."""
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)  # POLLERR: the other end of the pipe is closed
    pause_ms = SHORTEST_MS
    while True:
        size = sum(each.step(printer) for each in followed)
        printer.flush()
        for each in followed:
            _tell(each.remarks)
        pause_ms = 0 if size >= BUSY_BYTES else SHORTEST_MS if size else min(max(pause_ms, 1) * 2, LONGEST_MS)
        if reader.poll(pause_ms):
            return


def _tell(remarks: list[str]) -> None:
    while remarks:
        print(remarks.pop(0), file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
