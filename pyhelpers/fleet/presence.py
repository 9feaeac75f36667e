"""That this machine lives, and how its servers are: for `status --fleet`, and for nothing else.

It hangs on a lease of etcd, one a machine, because it may be stale: it says so much and no more.  It has a thread of
its own, so that no beat waits for it.
"""

from __future__ import annotations

import json
import threading
import time

from fleet.etcd import NoAnswer, Refused, delete, put
from fleet.worker import or_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.etcd import Etcd

TTL = 30  # seconds after its last sign until a machine is no longer shown as alive
EVERY = 10.0
AGAIN = 2.0


class Presence:
    """The entry of this machine."""

    def __init__(self, etcd: Etcd, key: str, fixed: dict[str, str]) -> None:
        self._etcd = etcd
        self._key = key
        self._fixed = fixed
        self._counts: dict[str, int] = {}
        self._late = 0
        self._lease = 0
        self._written = ""
        self._bad: dict[str, str] = {}  # what is to be said of each server, "" for nothing more
        self._told: dict[str, str] = {}
        self._changed = threading.Event()
        self._is_ending = False
        self._thread = threading.Thread(target=lambda: or_end(self._run), daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Is it still to be taken away?"""
        return self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                if self._is_ending:
                    self._etcd.txn([], [delete(self._key)], [], AGAIN)
                    return
                self._renew()
                self._changed.wait(EVERY)
            except (NoAnswer, Refused):
                if self._is_ending:
                    return  # its lease does it
                time.sleep(AGAIN)

    def end(self) -> None:
        """The monitor has ended."""
        self._is_ending = True
        self._changed.set()

    def shows(self, counts: dict[str, int], late: int) -> None:
        """From now on it says this of the servers: how many are up, down, fatal; and late, in ms, of the monitor.

        That changes all the time: it is written when we renew the lease anyway.
        """
        self._late = late
        if counts != self._counts:
            self._counts = counts
            self._changed.set()

    def complains(self, name: str, of: dict[str, str] | None) -> None:
        """From now on it says this of a server that is not as wanted; None: it is so again."""
        self._bad[name] = json.dumps(of) if of else ""
        self._changed.set()

    def _renew(self) -> None:
        """Write it, or only say that we live.  Raises NoAnswer, Refused."""
        if not self._lease or not self._etcd.keepalive(self._lease, AGAIN):
            self._lease, self._written, self._told = self._etcd.grant(TTL, AGAIN), "", {}
        text = json.dumps({**self._fixed, **self._counts, "lag_ms": self._late})
        if text != self._written:
            self._etcd.put(self._key, text, AGAIN, self._lease)
            self._written = text
        for name, text in dict(self._bad).items():
            self._say(name, text)

    def _say(self, name: str, text: str) -> None:
        if self._told.get(name, "") == text:
            return
        key = f"{self._key}/bad/{name}"
        self._etcd.txn([], [put(key, text, self._lease) if text else delete(key)], [], AGAIN)
        self._told[name] = text
