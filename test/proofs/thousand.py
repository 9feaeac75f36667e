"""A thousand servers of mixed kinds, and random deaths all the time: none is lost, none doubled, and how long it takes.

The moments are those of a Poisson process, RATE deaths a second: some come together.  Files: thousand.csv, a line for
each kind.
"""

from __future__ import annotations

import random
import time

from proofs import deaths
from proofs.given import Given
from proofs.latency import figures, quantile
from proofs.result import Result
from proofs.watched import Stuck, Watched, mixed

SIZE = 3_600  # seconds
SERVERS = 1_000
RATE = 5.0  # deaths a second, of all servers; with more, one waits for the other
CONF = "interval = 15s\nrival_wait = 0s\nalert = none\n"


def prove(given: Given) -> Result:
    """Let them die for given.size seconds."""
    names = mixed(given.servers or SERVERS)
    watched = Watched(given.scratch / "thousand", names, CONF, lambda name: "")
    wrong = []
    try:
        watched.start()
        _let_die(watched, given)
        wrong += watched.all_back()
        watched.settle(lambda: sum(1 for _ in watched.told()), len(watched.seen.killed))
    except Stuck as why:
        wrong.append(str(why))
    wrong += _judge(watched)
    _keep(given, watched)
    made = f"{len(watched.seen.killed)} deaths of {len(names)} servers in {given.size} s"
    return Result(given.word, made, given.seed, wrong, figures(watched.seen.latency))


def _let_die(watched: Watched, given: Given) -> None:
    dice, names = random.Random(given.seed), list(watched.servers)
    end = following = time.monotonic()
    end += given.size
    while time.monotonic() < end:
        following += dice.expovariate(RATE)
        time.sleep(max(following - time.monotonic(), 0))
        watched.kill(dice.choice(names))


def _judge(watched: Watched) -> list[str]:
    servers = watched.servers.values()
    wrong = [] if watched.seen.killed else ["no server was killed"]
    return [
        *wrong,
        *deaths.untrue(watched.seen.killed, watched.told()),
        *deaths.unequal(
            "starts", {each.name: each.deaths + 1 for each in servers}, {each.name: each.starts for each in servers}
        ),
        *watched.faults(),
    ]


def _keep(given: Given, watched: Watched) -> None:
    lines = ["kind,deaths,p50 ms,p99 ms,max ms"]
    for kind in sorted(set(watched.seen.kinds)):
        ordered = sorted(ms for ms, its in zip(watched.seen.latency, watched.seen.kinds) if its == kind)
        cells = [f"{quantile(ordered, share):.2f}" for share in (0.5, 0.99, 1.0)]
        lines.append(",".join([kind, str(len(ordered)), *cells]))
    (given.out / "thousand.csv").write_text("\n".join(lines) + "\n")
