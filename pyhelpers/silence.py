"""Which servers are silenced, and until when?  STATE_DIR/servers/NAME/silence holds the end of the silence.

    $ python3 -E -s pyhelpers/silence.py ROOT CONF_DIR STATE_DIR CWD msg_server 2h
    msg_server: silent until 2026-11-20 15:04
    $ python3 -E -s pyhelpers/silence.py ROOT CONF_DIR STATE_DIR CWD
    msg_server: silent until 2026-11-20 15:04
    $ python3 -E -s pyhelpers/silence.py ROOT CONF_DIR STATE_DIR CWD msg_server off
    msg_server: not silent

NAME may be a glob, or `all`.  A silence needs no monitor, and stays when a monitor ends.  It holds back only alerts:
the monitor still watches and restarts the server.  When the silence ends, you hear only of problems that still last; of
a give-up you hear at once.

Exit: 0 · 2 usage · 4 no permission · 6 no such server.
"""

from __future__ import annotations

import os
import sys
import time

from base.exits import NO_PERMISSION, USAGE, Refused
from config.values import duration
from operate.command_line import end
from operate.context import Place
from state import silences
from state.namesakes import Namesakes, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server


def obey(words: list[str], place: Place) -> int:
    """Silence the servers, or list the silenced ones.  Raises Refused, ConfError."""

    if not words:
        return _list(place)
    end = _end(words)
    for server in place.servers(words[:-1]):
        try:
            _set(place.state_dir, server, end)
        except OSError as error:
            name = f"{place.state_dir}/servers/{server.kept_in}/silence"
            raise Refused(NO_PERMISSION, f"{name}: {error.strerror}; be its owner, on a disk with room") from None
        print(f"{server.shown}: {silences.in_words(end) if end else 'not silent'}")
    return 0


def _set(state_dir: str, server: Server, end: float) -> None:
    """Raises OSError."""
    kept_in = server.kept_in
    if end != silences.NEVER and not server.is_placed:
        kept_in = Namesakes(state_dir).claim(server.name, server.directory)
    silences.silence(state_dir, kept_in, end)


def _end(words: list[str]) -> float:
    """The end of the silence (Unix seconds), by the last word; silences.NEVER for off.  Raises Refused."""
    if len(words) < 2:
        raise Refused(USAGE, "silence needs servers and a time, as in: ./monitor.sh silence msg_server 2h (or off)")
    if words[-1] == "off":
        return silences.NEVER
    try:
        milliseconds = duration(1)(words[-1])
    except ValueError as error:
        raise Refused(USAGE, f"silence: {error}, or off") from None
    return time.time() + float(milliseconds) / 1000


def _list(place: Place) -> int:
    now = time.time()
    try:
        names = sorted(os.listdir(f"{place.state_dir}/servers"))
    except FileNotFoundError:
        names = []
    found = [(name, silences.until(place.state_dir, name, now)) for name in names]
    for name, until in found:
        if until != silences.NEVER:
            where = Namesakes(place.state_dir).directory_of(name) if "," in name else ""
            shown = f"{name_of(name)} in {where}" if where else name
            print(f"{shown}: {silences.in_words(until)}")
    if all(until == silences.NEVER for _, until in found):
        print("no server is silent")
    return 0


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""

    return end(lambda: obey(argv[4:], Place(*argv[:4])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
