"""Start one server by its conf, without a monitor, and wait until it runs.

    $ python3 -E -s pyhelpers/start.py ROOT CONF_DIR STATE_DIR CWD business@11000
    business@11000: running, pid 812 (1840 ms)

It is started as a monitor would start it: see operate/standalone_start.py.  The server's pidfile gets its pid, and its
record says who it is.  A second copy, a port in use and a server that a monitor watches are refused.

Exit: 0 it runs · 1 it does not · 2 usage · 5 not installed · 6 not configured.
"""

from __future__ import annotations

import os
import sys

from base.exits import GOOD, Refused
from config import settle
from operate import standalone, standalone_start
from operate.command_line import end
from operate.target import Target
from proc.server import servers_of
from state import access
from state.paths import make_private, state_directory


def start(root: str, conf_dir: str, state_option: str, cwd: str, name: str) -> int:
    """All of it; the exit status.  Raises Refused, settle.ConfError."""
    settled = settle.settle(conf_dir, root, cwd, [name])
    state_dir = state_directory(root, state_option, settled.suite["state_dir"])
    target = Target(servers_of(settled.groups())[1][0], state_dir)
    try:
        print(f"{target.name}: {_in_turn(target)}")
    except Refused as refused:
        raise Refused(refused.status, f"{target.name}: {refused}") from None
    return GOOD


def _in_turn(target: Target) -> str:
    """Start it while no other operator does; what to tell.  Raises Refused.

    Where no state can be kept, as for a user who has none, it is started all the same.
    """
    try:
        make_private(f"{target.state_dir}/servers")
        access.make(target.directory)
        turn = standalone.take_turn(target)
    except OSError:
        turn = -1  # that its record cannot be written is said
    try:
        standalone_start.require_free(target)
        return standalone_start.start(target, standalone_start.pidfile_of(target.server))
    finally:
        if turn >= 0:
            os.close(turn)


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    return end(lambda: start(*argv))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
