"""Scan the process table once for all who want it: a scan costs as much for a thousand servers as for one.

A request that comes during a scan waits for the next one, so a thousand orders cost a few scans and not a thousand.  A
scan that is stuck (a /proc file can block) delays the next one by PATIENCE_MS at most.
"""

from __future__ import annotations

from loop.loop import ErrandFailed, lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop, Timer

    # pid and start ticks of each process that was found
    Found = list[tuple[int, int]]
    Then = Callable[[Found], None]
    Wanted = tuple[int, Then, object]  # the last one: the owner, as of Loop

PATIENCE_MS = 500
FAULT = (-1, 0)  # the PID TICKS that a look prints for a number for which it failed


class Walk:
    """look runs in an errand: it gets the wanted numbers and returns a line `NUMBER PID TICKS` for each find."""

    def __init__(self, loop: Loop, look: Callable[[list[int]], str]) -> None:
        self._loop = loop
        self._look = look
        self._wanted: list[Wanted] = []
        self._under_way = 0
        self._next: Timer | None = None

    def want(self, number: int, then: Then) -> None:
        """Call then with what the next scan finds for number."""
        self._wanted.append((number, then, self._loop.owner))
        if not self._next:
            self._next = self._loop.after(PATIENCE_MS if self._under_way else 0, self._set_out)

    def _set_out(self) -> None:
        wanted, self._wanted, self._next = self._wanted, [], None
        self._under_way += 1
        numbers = [number for number, _, _ in wanted]
        self._loop.errand(
            lambda: self._look(numbers),
            lambda text: self._come_back(wanted, text),
            lambda why: self._come_back_without(wanted, why),
        )

    def _come_back(self, wanted: list[Wanted], text: str) -> None:
        found: dict[int, Found] = {}
        for number, pid, ticks in (map(int, line.split()) for line in lines_of(text)):
            found.setdefault(number, []).append((pid, ticks))
        self._next_one()
        for number, then, owner in wanted:
            pairs = found.get(number, [])
            if FAULT in pairs:
                self._loop.on_behalf(owner, _fail, "scan")
            else:
                self._loop.on_behalf(owner, then, pairs)

    def _come_back_without(self, wanted: list[Wanted], why: str) -> None:
        """The look failed for all: report that, because none of them may be taken for absent."""
        self._next_one()
        for number, then, owner in wanted:
            if number:
                self._loop.on_behalf(owner, _fail, why)
            else:
                self._loop.on_behalf(owner, then, [])  # it sought no server, and only waited for the others

    def _next_one(self) -> None:
        self._under_way -= 1
        if self._next:
            self._next.cancel()
            self._next = self._loop.after(0, self._set_out)


def _fail(why: str) -> None:
    raise ErrandFailed(why)
