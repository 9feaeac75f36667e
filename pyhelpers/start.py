"""Start one server by its conf, without a monitor, and wait until it runs.

    $ python3 -E -s pyhelpers/start.py ROOT CONF_DIR STATE_DIR CWD business@11000
    business@11000: running, pid 812 (1840 ms)

It starts the server as a monitor would, see operate/standalone_start.py, and writes its pidfile and its record.  It
refuses a second copy, a port in use, and a server that a monitor watches.

Exit: 0 the server runs · 1 it does not run · 2 usage · 5 not installed · 6 not configured.
"""

from __future__ import annotations

import sys

from base.exits import GOOD, USAGE, Refused
from config import settle
from operate import standalone, standalone_start
from operate.command_line import end
from operate.look import Look
from operate.target import Target
from proc.server import servers_of
from state import access, namesakes
from state.paths import make_private, state_directory


def start(root: str, conf_dir: str, state_option: str, cwd: str, name: str) -> int:
    """Start the server and print the outcome; return the exit status.  Raises Refused, settle.ConfError."""
    settled = settle.settle(conf_dir, root, cwd, [name])
    state_dir = state_directory(root, state_option, settled.suite["state_dir"])
    namesakes.find(settled, state_dir)
    if len(settled.servers) != 1:
        named = settled.servers[0]["name"]
        raise Refused(USAGE, f"{name} means {len(settled.servers)} servers; name one, as {named}")
    target = Target(servers_of(settled.groups())[1][0], state_dir)
    try:
        print(f"{target.name}: {_in_turn(target)}")
    except Refused as refused:
        raise Refused(refused.status, f"{target.name}: {refused}") from None
    return GOOD


def _in_turn(target: Target) -> str:
    """Start the server while no other operator does; return the message.  Raises Refused.

    A user without a writable state directory can start it too.
    """
    try:
        make_private(f"{target.state_dir}/servers")
        access.make(target.directory)
        target.claim()
        target.take_turn()
    except (OSError, Refused):
        pass  # the start reports that it cannot write the record
    try:
        standalone_start.require_free(target)
        standalone.end_former(target, Look([target.server], target.state_dir))
        return standalone_start.start(target, standalone_start.pidfile_of(target.server))
    finally:
        target.end_turn()


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    return end(lambda: start(*argv))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
