#!/usr/bin/env python3
"""An order for a singleton on all machines of the fleet: which of them has it does not matter.

    $ python3 -E -s pyhelpers/everywhere.py ROOT CONF_DIR STATE_DIR CWD stop [--timeout 60s] route_server
    route_server: stopped on all machines

    stop     the machine that has it ends it, and none starts it, until start
    start    a machine may start it again; wait until one has it
    pause    it goes on where it runs, and no other machine takes it, until resume
    resume   another machine may take it again

It is a word in etcd (fleet/word.py); it may be given from each machine, and outlives all of them.

Exit: 0 done · 1 not in time, or etcd does not answer · 2 usage · 6 no such singleton, or no fleet, is configured.
"""

from __future__ import annotations

import sys
import time

from base.exits import FAILED, GOOD, USAGE, Refused
from fleet.view import opened
from fleet.word import Word
from operate.command_line import end, timeout_of

LOOK_EVERY = 0.02  # seconds
WORDS = {"stop": "down", "start": "", "pause": "paused", "resume": ""}


def carry_out(order: str, word: Word, deadline: float) -> None:
    """Give the word, wait for what follows, and say it.  deadline: monotonic seconds.  Raises Refused."""
    if WORDS[order]:
        word.give(WORDS[order])
    else:
        word.take_back()
    if order in ("start", "stop"):
        while bool(word.holder()) != (order == "start"):
            if time.monotonic() > deadline:
                raise Refused(FAILED, f"{word.name}: {order} --fleet: not done in time; see status --fleet")
            time.sleep(LOOK_EVERY)
    print(f"{word.name}: {_done(order, word)}")


def _done(order: str, word: Word) -> str:
    if order == "stop":
        return "stopped on all machines"
    if order == "start":
        return f"runs on {word.holder()}"
    return "paused on all machines" if order == "pause" else "may be taken by all machines again"


def obey(words: list[str], root: str, conf_dir: str, cwd: str) -> int:
    """Carry out one order for all names.  Raises Refused, settle.ConfError."""
    order, *rest = words
    timeout, names = timeout_of(rest)
    if not names:
        raise Refused(USAGE, f"{order} --fleet needs the name of a singleton")
    client, keys, _ = opened(conf_dir, root, cwd)
    given = [Word(client, keys, name, f"{order} --fleet") for name in names]
    for word in given:
        word.require_known()
    deadline = time.monotonic() + timeout
    for word in given:
        carry_out(order, word, deadline)
    return GOOD


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    root, conf_dir, _, cwd, *words = argv
    return end(lambda: obey(words, root, conf_dir, cwd))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
