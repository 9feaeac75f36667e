"""What does a fleet cost, here and in its etcd?  Needs etcd."""

from __future__ import annotations

import random
import socket
import sys
import time
from pathlib import Path

from benches.keeping import ROOT, suite
from benches.spending import spend_each


def fleet(scratch: Path, seconds: int) -> None:
    """The monitor and its helper with and without a fleet, the keeper; then etcd under many of them.  Needs etcd."""
    sys.path.insert(0, str(ROOT / "test/fixtures"))
    import fleet_cost

    etcd = fleet_cost.Etcd(scratch / "etcd", port := free_ports())
    singleton = "singleton = yes\nstop = TERM 1s KILL\n"
    of_suite = f"fleet = etcd://{etcd.endpoint}/bench\nhost = here\n"
    runs = [suite(scratch, 1), suite(scratch, 1, more=[singleton], of_suite=of_suite)]
    try:
        time.sleep(15)
        for run, name in zip(runs, ("without a fleet", "with a singleton")):
            print(f"{name}, {min(seconds, 60)} s:")
            spend_each(run, min(seconds, 60))
    finally:
        for run in runs:
            run.end()
        etcd.end()
    found = {n: fleet_cost.requests(scratch / f"{n}", port, n, 30) for n in (1, 10, 100)}
    fleet_cost.tell_line(found)
    fleet_cost.growth(scratch / "growing", port, 100, seconds)


def free_ports() -> int:
    """The first of two TCP ports, one after another, on which no one listens."""
    while True:
        port = random.randrange(20000, 30000)
        try:
            for each in (port, port + 1):
                socket.create_server(("127.0.0.1", each)).close()
            return port
        except OSError:
            pass
