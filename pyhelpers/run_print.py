"""Print what servers and monitor say: `run` executes this beside the monitor.

    $ python3 -E -s pyhelpers/run_print.py STATE_DIR (lines|plain)
    web | 2026-11-20 08:01:27 listening on port 8000
    db | ready

plain: without `NAME | `.  Descriptors: 0 is closed when the servers have ended, and we are to print what is left; 3 and
4 are the pipes of the monitor's standard output and error; into 5 we write `printing` when we miss nothing any more.
"""

from __future__ import annotations

import os
import signal
import sys

from operate.printed_lines import PrintedLines

MESSAGES, TELL = (3, 4), 5


def main(words: list[str]) -> int:
    """The command line; returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for `run`
    printed = PrintedLines(words[0], words[1] == "plain", MESSAGES, 0)
    printed.begin()
    try:
        os.write(TELL, b"printing\n")
    except BrokenPipeError:
        pass  # `run` has been killed: descriptor 0 is closed, too
    os.close(TELL)
    printed.loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
