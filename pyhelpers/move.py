#!/usr/bin/env python3
"""Have a singleton run on another machine: the one that has it stops it, and then the other one starts it.

    $ python3 -E -s pyhelpers/move.py ROOT CONF_DIR STATE_DIR CWD [--timeout 60s] route_server im-2
    route_server: moved from im-1 to im-2 in 240 ms

It is a word in etcd, /monitor/FLEET/one/NAME.want, that the machines obey.  It may be given from each of them.

Exit: 0 it is there · 1 it is not, in time · 2 usage · 6 no such singleton, or no fleet, is configured.
"""

from __future__ import annotations

import sys
import time

from base.exits import FAILED, GOOD, USAGE, Refused
from base.tokens import nearest
from fleet.view import View, opened
from fleet.word import Word
from operate.command_line import end, timeout_of

LOOK_EVERY = 0.02  # seconds


def require_alive(view: View, host: str) -> None:
    """Is there such a machine?  Raises Refused."""
    alive = [row["host"] for row in view.hosts()]
    if host not in alive:
        hint = nearest(host, alive) or f"; these live: {' '.join(alive) or 'none'}"
        raise Refused(FAILED, f"move: no machine {host} lives{hint}")


def carry_out(word: Word, host: str, deadline: float) -> bool:
    """Give the word, and wait; take the word back at the end.  deadline: monotonic seconds.  Raises Refused."""
    word.give(host)
    try:
        while word.holder() != host:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY)
        return True
    finally:
        word.take_back()


def move(words: list[str], root: str, conf_dir: str, cwd: str) -> int:
    """Move it.  Raises Refused, settle.ConfError."""
    timeout, rest = timeout_of(words)
    if len(rest) != 2:
        raise Refused(USAGE, "move needs a singleton and a machine, as in: ./monitor.sh move route_server im-2")
    name, host = rest
    client, names, suite = opened(conf_dir, root, cwd)
    require_alive(View(client, names, suite), host)
    word = Word(client, names, name, "move")
    word.require_known()
    before, begun = word.holder(), time.monotonic()
    if before == host:
        print(f"{name}: runs on {host} already")
        return GOOD
    if not carry_out(word, host, begun + timeout):
        raise Refused(FAILED, f"{name}: not on {host} after {timeout:g}s; see its status there")
    took = (time.monotonic() - begun) * 1000
    print(f"{name}: moved from {before or 'no machine'} to {host} in {took:.0f} ms")
    return GOOD


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    root, conf_dir, _, cwd, *words = argv
    return end(lambda: move(words, root, conf_dir, cwd))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
