"""The thread that speaks to etcd: beats when they are due, looks at what we want, and does what the keeper orders.

It may wait for etcd, up to the patience of each call; the keeper never waits for it.  Orders come in by order(), what
happens goes out through tell, which the keeper gives and which must not block.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback

from base.clock import boot_seconds
from fleet.etcd import NoAnswer, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.etcd import Etcd
    from fleet.lock import Claim, Lock

AGAIN = 0.1  # seconds: after a call without an answer; the next one asks another member
REFUSED = 0.5  # seconds: after one that etcd refuses, as all members do
NEVER = float("inf")


class Worker:
    """One thread around a Lock.  Times are monotonic seconds."""

    def __init__(self, lock: Lock, tell: Callable[..., None]) -> None:
        self._lock = lock
        self._tell = tell
        self._changed = threading.Condition()
        self._orders: list[tuple[str, ...]] = []
        self._leaving: list[Claim] = []
        self._bad: set[str] = set()  # of those, what cannot run here
        self._again: set[str] = set()  # of those, what is wanted again as soon as it is free
        self._beat_at = self._look_at = 0.0
        self._heard_at = boot_seconds()
        self._pause = AGAIN  # before the next try
        self._is_silent = self._is_ending = self._may_beat = False
        self._thread = threading.Thread(target=lambda: or_end(self._run), daemon=True)

    def start(self) -> None:
        """Begin."""
        self._may_beat = True
        self._thread.start()

    def order(self, *words: str) -> None:
        """Have it done as soon as the present call is over.

        want NAME; release NAME [bad]: it cannot run here; drop NAME: the fence has ended it; resume NAME TOKEN; poke:
        look now; orphan: beat no more; end: the thread ends when all that is released is so.
        """
        with self._changed:
            self._orders.append(words)
            self._changed.notify()

    def is_alive(self) -> bool:
        """Does the thread live?"""
        return self._thread.is_alive()

    # -- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._orders:
                    self._changed.wait(max(0.0, min(self._due(), 60.0)))
                orders, self._orders = self._orders, []
            for words in orders:
                self._obey(*words)
            if self._is_ending and not self._leaving:
                return
            self._work()

    def _due(self) -> float:
        """Seconds until the next thing to do."""
        now = time.monotonic()
        dues = [self._look_at if self._wants() else NEVER]
        dues.append(self._beat_at if self._may_beat and self._lock.held() else NEVER)
        dues.append(self._look_at if self._leaving else NEVER)
        return min(dues) - now

    def _wants(self) -> bool:
        return self._may_beat and any(claim.is_wanted or claim.offered for claim in self._lock.claims.values())

    def _obey(self, word: str, name: str = "", *rest: str) -> None:
        claim = self._lock.claims.get(name)
        if word == "want" and claim and claim in self._leaving:
            self._again.add(name)
        elif word == "want" and claim and not claim.token:
            claim.is_wanted, claim.told, claim.offered, self._look_at = True, "", 0, 0.0
        elif word == "release" and claim:
            self._again.discard(name)
            (self._bad.add if rest else self._bad.discard)(name)
            if claim not in self._leaving:
                self._leaving.append(claim)
            self._look_at = 0.0
        elif word == "drop" and claim:
            self._lock.drop(claim)
        elif word == "resume" and claim:
            claim.token, claim.is_wanted, self._beat_at = int(rest[0]), True, 0.0
        elif word == "poke":
            self._look_at = 0.0
        elif word in ("orphan", "end"):
            self._may_beat = False
            self._is_ending = self._is_ending or word == "end"

    def _work(self) -> None:
        now = time.monotonic()
        if self._may_beat and self._lock.held() and now >= self._beat_at:
            is_heard = self._try(self._lock.beat)
            self._beat_at = now + self._lock.period if is_heard else time.monotonic() + self._pause
        if self._leaving:
            self._leave()
        if self._wants() and time.monotonic() >= self._look_at:
            if not self._try(self._look):
                self._look_at = time.monotonic() + self._pause

    def _look(self) -> None:
        self._look_at = time.monotonic() + self._lock.look()

    def _leave(self) -> None:
        claim = self._leaving[0]
        self._look_at = time.monotonic() + AGAIN
        if not claim.token:
            self._lock.drop(claim)  # etcd need not hear of it
        elif not self._try(lambda: self._lock.release(claim, claim.name in self._bad)):
            self._look_at = time.monotonic() + self._pause
            if self._is_ending and boot_seconds() - self._heard_at > 2 * BEATS_OF_A_LEASE * self._lock.period:
                self._leaving.clear()  # it is free by itself by now
            return
        self._leaving.remove(claim)
        claim.is_wanted = claim.name in self._again
        self._again.discard(claim.name)

    def _try(self, deed: Callable[[], None]) -> bool:
        """False: no answer; the silence is told, and its end."""
        try:
            deed()
        except (NoAnswer, Refused) as error:
            self._is_silent = True
            self._pause = REFUSED if isinstance(error, Refused) else AGAIN
            self._tell("silent", boot_seconds() - self._heard_at, str(error))
            return False
        self._pause = AGAIN
        if self._is_silent:
            self._tell("heard", boot_seconds() - self._heard_at)
            self._is_silent = False
        self._heard_at = boot_seconds()
        return True


BEATS_OF_A_LEASE = 5


def or_end(deed: Callable[[], None]) -> None:
    """Do it in a thread; after a fault of ours the whole keeper ends, for the next one goes on with its leases."""
    try:
        deed()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


class Watch:
    """A second thread, which only hears that something has changed: then the worker looks at once.

    Nothing depends on it: what it misses, the next look sees.
    """

    def __init__(self, etcd: Etcd, prefix: str, changed: Callable[[], None]) -> None:
        self._etcd = etcd
        self._prefix = prefix
        self._changed = changed
        threading.Thread(target=lambda: or_end(self._run), daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                for _ in self._etcd.watch(self._prefix, SILENCE):
                    self._changed()
            except (NoAnswer, Refused):
                time.sleep(1)


SILENCE = 60.0  # seconds without a change, after which we connect anew: the other end may be gone
