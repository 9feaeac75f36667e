"""Start one server by its conf, without a monitor, and wait until it runs.

    $ python3 -E -s pyhelpers/start.py ROOT CONF_DIR STATE_DIR CWD business@11000
    business@11000: running, pid 812 (1840 ms)

The program goes through the daemon launcher; its pid is written to the server's pidfile.
Logs are set aside first, as before every start.  A second copy, a port in use and a server
that a monitor watches are refused.

Exit: 0 it runs · 1 it does not · 2 usage · 5 not installed · 6 not configured.
"""

from __future__ import annotations

import sys

from base.exits import Refused
from config import settle
from operate import standalone_start
from proc.server import servers_of
from state.paths import state_directory


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    root, conf_dir, state_option, cwd, name = argv
    try:
        settled = settle.settle(conf_dir, root, cwd, [name])
        state_dir = state_directory(root, state_option, settled.suite["state_dir"])
        server = servers_of(settled.groups())[1][0]
        print(f"{server.name}: {standalone_start.start(server, state_dir, standalone_start.pidfile_of(server))}")
    except settle.ConfError as error:
        print("\n".join(error.lines), file=sys.stderr)
        return error.status
    except Refused as refused:
        print(f"{name}: {refused}", file=sys.stderr)
        return refused.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
