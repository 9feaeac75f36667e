"""Call a web server without a pause, and count the outcomes of the calls.

    $ python3 -E -s pyhelpers/demo/callers.py 8080 300 4 /tmp/enough
    answered 1196, cut off 4, refused 0

Four callers in parallel make 300 calls each to 127.0.0.1, and stop early when the file /tmp/enough appears.
Answered: with status 200.  Cut off: the server accepted the call and died before its answer.  Refused: no process
listened.

Exit: 0 none was refused, and some were answered · 1 · 2 usage.
"""

from __future__ import annotations

import os
import socket
import sys

PATIENCE = 10.0  # seconds for one call
REQUEST = b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
OUTCOMES = ("answered", "cut off", "refused")


def call(port: int) -> str:
    """Make one call; return one of OUTCOMES."""
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as end:
            end.sendall(REQUEST)
            with end.makefile("rb") as answer:
                return "answered" if answer.readline().split()[1:2] == [b"200"] else "cut off"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "cut off"


def call_often(port: int, count: int, enough: str) -> dict[str, int]:
    """Make count calls, one after another, until the file `enough` exists; return the number of each outcome."""
    counts = dict.fromkeys(OUTCOMES, 0)
    for _ in range(count):
        if enough and os.path.exists(enough):
            break
        counts[call(port)] += 1
    return counts


def call_together(port: int, count: int, callers: int, enough: str) -> dict[str, int]:
    """The same by several callers in parallel, each in its own process."""
    told, tell = os.pipe()
    for _ in range(callers):
        if os.fork() == 0:
            counts = call_often(port, count, enough)
            os.write(tell, " ".join(str(counts[outcome]) for outcome in OUTCOMES).encode() + b"\n")
            os._exit(0)
    os.close(tell)
    with open(told) as lines:
        rows = [[int(word) for word in line.split()] for line in lines]
    for _ in range(callers):
        os.wait()
    return {outcome: sum(row[index] for row in rows) for index, outcome in enumerate(OUTCOMES)}


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    if len(argv) not in (3, 4) or not all(word.isdigit() for word in argv[:3]):
        print("usage: demo/callers.py PORT COUNT CALLERS [FILE]", file=sys.stderr)
        return 2
    port, count, callers = map(int, argv[:3])
    counts = call_together(port, count, callers, argv[3] if argv[3:] else "")
    print(", ".join(f"{outcome} {counts[outcome]}" for outcome in OUTCOMES))
    return 0 if counts["answered"] and not counts["refused"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
