"""Which is a server's newest log?  If it has none, the file of its output.

    $ python3 -E -s pyhelpers/latest_log.py ROOT CONF_DIR STATE_DIR CWD msg_server
    /opt/im/msg_server/log_812_1.txt

STATE_DIR: "" for that of conf.
Exit: 0 · 1 no log · 2, 6 as config/settle.py, 6 also if its dir does not exist · 4 we may not read its dir.
"""

from __future__ import annotations

import os
import sys

from base import globs
from base.exits import NO_PERMISSION, NOT_CONFIGURED
from config import settle
from proc.server import servers_of
from spawn import output_file
from state.paths import state_directory


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    root, conf_dir, state_dir, cwd, name = argv
    try:
        settled = settle.settle(conf_dir, root, cwd, [name])
    except settle.ConfError as error:
        print("\n".join(error.lines), file=sys.stderr)
        return error.status
    server = servers_of(settled.groups())[1][0]
    try:
        logs = [os.path.join(server.directory, log) for log in globs.names(server.directory, server.logs)]
    except FileNotFoundError:
        print(f"{name}: no directory {server.directory}; set dir in {server.conf_file}", file=sys.stderr)
        return NOT_CONFIGURED
    except OSError as error:
        print(f"{name}: dir {server.directory}: {error.strerror}", file=sys.stderr)
        return NO_PERMISSION
    output = output_file.path_of(server, state_directory(root, state_dir, str(settled.suite["state_dir"])))
    if not logs and os.path.isfile(output):
        logs = [output]
    if not logs:
        print(f"{name}: no log like {' '.join(server.logs)} in {server.directory}", file=sys.stderr)
        return 1
    print(max(logs, key=os.path.getmtime))
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
