#!/usr/bin/env python3
"""Is it alive?  Proved by pid, start ticks, exe, cwd and words of its command line, not by a search in text.

    $ pyhelpers/alive.py check 812 msg_server
    812 is alive: /opt/im/msg_server/msg_server, in /opt/im/msg_server, since 2026-11-20 05:00:12
    $ pyhelpers/alive.py find --cwd /opt/im/msg_server msg_server
    812 /opt/im/msg_server/msg_server
    $ pyhelpers/alive.py check --json 812 nginx
    [{"pid": 812, "alive": false, "why": "is msg_server, not nginx"}]

    alive.py check [--json] PID MATCH...          is PID alive, and does it show every MATCH?
    alive.py find [--json] [--cwd DIR] MATCH...   which processes show every MATCH?
    alive.py watch FAILURES BOUT RUN_DIR STATE_DIR CONF_DIR PSUTIL_HOME     the monitor's resident helper (see watch/)

A process shows MATCH if MATCH is the base name of its exe or argv[0]; an interpreter (java, python, sh …)
also if MATCH is a whole argument or an argument's base name.  A zombie is not alive.

Exit: 0 alive (found) · 1 not alive (not found) · 2 usage · 4 unknown (we may not examine it).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Python compiles this file at each start, but a module only once.  The resident helper keeps the memory that compiling
# took, so the code is in modules: that saves it 0.4 MiB.


def main(argv: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    if argv[:1] == ["watch"]:
        return _watch(argv[1:])
    if argv[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    from operate import liveness

    return liveness.answer(argv)


def _watch(words: Sequence[str]) -> int:
    try:
        if words[0].isdigit() and words[0] != "0":  # helpers before this one have failed
            from watch import relapse

            if not relapse.pause(int(words[0]), *words[1:5]):
                return 0
        from watch import resident
    except (ImportError, OSError) as error:  # a traceback would hide the reason
        print(f"monitor.sh: the helper cannot begin: {error}", file=sys.stderr)
        return 1
    return resident.become(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
