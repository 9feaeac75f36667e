"""Stop the servers of a monitor that has ended or is ending, within a time: `run` executes this at its end.

    $ python3 -E -s pyhelpers/run_stop.py ROOT CONF_DIR STATE_DIR CWD SETTLED UNTIL NAME...
    web: stopped (pid 812)
    db: stopped (pid 790)

SETTLED: the settled conf of that monitor, or "" for what conf says now about NAME...; UNTIL: seconds of
CLOCK_MONOTONIC, when the last of them is to be killed.

Exit: 0 all are stopped · 1 not all · as config/settle.py.
"""

from __future__ import annotations

import sys

from base.exits import GOOD
from config import settled
from operate.command_line import end
from operate.context import Place
from operate.look import Look
from operate.stop_waves import waves
from operate.target import Target
from operate.within_grace import stop_all
from proc.server import Server, servers_of


def _servers(words: list[str]) -> list[Server]:
    """The servers that the monitor watches, also if conf has become faulty since it began."""
    if words[4]:
        try:
            return servers_of(settled.read(words[4]))[1]
        except (OSError, ValueError):
            pass
    return Place(*words[:4]).servers(words[6:])


def stop(words: list[str]) -> int:
    """Stop them; return the exit status.  Raises Refused, settle.ConfError."""
    state_dir, until = words[2], float(words[5])
    watched = _servers(words)
    targets = [Target(server, state_dir) for server in watched]  # waits until their monitor has let them go
    look = Look(watched, state_dir, is_brief=True)
    there = [target for target in targets if look.living[target.server.kept_in] or look.dead_of(target.server)]
    return stop_all(waves("stop", there), until) if there else GOOD


if __name__ == "__main__":
    sys.exit(end(lambda: stop(sys.argv[1:])))
