#!/usr/bin/env python3
"""Have the locks of this machine's singletons in etcd, and fence what has lost its lock.  Its monitor starts it.

    $ python3 -E -s pyhelpers/keeper.py RUN_DIR STATE_DIR CONF_DIR
    < want route_server
    > held route_server 8123 63215300
    > beat 63218300 route_server

The lines of its standard input and output are in fleet/keeping.py, the lock in fleet/lock.py.

Exit: 0 the helper has ended, and nothing is left to be fenced · 1 it cannot begin, and why.
"""

from __future__ import annotations

import os
import sys
import time

from base.suite import ROOT
from config import fleet_conf, fleet_values, settled
from fleet import turn
from fleet.etcd import Etcd, Login
from fleet.keeping import Keeping
from fleet.lock import Claim, Lock, Us
from fleet.names import Names
from fleet.presence import Presence
from fleet.worker import Watch, Worker
from loop.loop import Loop
from proc.server import servers_of
from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server


def after_of(server: Server) -> float:
    """How long it is left to others, in seconds."""
    return int(server.vital["singleton"]) / 1000


def version() -> str:
    """The version of the suite."""
    with open(f"{ROOT}/lib/usage.sh", encoding="utf-8") as source:
        found = [line.strip().partition("=")[2] for line in source if line.startswith("usage_version=")]
    return "".join(found[:1])


def keep(run_dir: str, state_dir: str, conf_dir: str) -> int:
    """Live until the helper has ended and nothing is left to be fenced.  Returns the exit status."""
    suite, servers = servers_of(settled.read(f"{run_dir}/settled"))
    singletons = [server for server in servers if "singleton" in server.vital]
    scheme, fleet, *endpoints = settled.elements(suite["fleet"])
    values, _ = fleet_conf.read(conf_dir)
    login, names = Login(**values), Names(fleet)
    boot, host, lease = record.boot_id(), fleet_values.here(suite), int(suite["fleet_lease"]) / 1000
    ours = turn.Turn(state_dir, boot)
    loop = Loop()
    keeping = Keeping(loop, singletons, state_dir, boot, lease)
    etcd = Etcd(scheme, endpoints, login)
    lock = Lock(etcd, names, Us(host, boot, ours.nonce), lease, keeping.tell)
    lock.claims = {server.name: Claim(server.name, after_of(server)) for server in singletons}
    keeping.resume(lock)
    ours.take()  # the fences are ours: the last keeper may go
    presence = Presence(
        Etcd(scheme, endpoints, login),
        names.host(host),
        {
            "boot": boot,
            "nonce": ours.nonce,
            "lease_ms": suite["fleet_lease"],
            "since": f"{time.time():.0f}",
            "version": version(),
        },
    )
    worker = Worker(lock, keeping.tell)
    keeping.hear(worker, presence)
    worker.start()
    presence.start()
    if singletons:
        Watch(Etcd(scheme, endpoints, login), names.one(""), lambda: worker.order("poke"))
    loop.run()
    return 0


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    os.umask(0o077)
    os.set_blocking(1, False)
    try:
        if os.getpgrp() != os.getpid():
            os.setsid()  # a terminal's Ctrl-C is not for us
        return keep(*argv)
    except (turn.Taken, OSError) as error:
        os.write(1, f"say the keeper cannot begin: {error}\n".encode())
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
