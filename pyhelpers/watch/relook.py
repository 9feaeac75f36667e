"""After a fault of ours on behalf of a server: look at it anew, as a new watcher would, later after each fault."""

from __future__ import annotations

import time

from watch import takeover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.loop import Timer
    from watch.lifecycle import Life

FIRST_MS, LONGEST_MS = 1000, 60_000
FORGIVEN_AFTER = 600.0  # seconds without a fault


class Relook:
    """When to look at one server anew."""

    __slots__ = "_faults _last _life _timer".split()

    def __init__(self, life: Life) -> None:
        self._life = life
        self._faults = 0
        self._last = 0.0
        self._timer: Timer | None = None

    def after_fault(self, where: str) -> None:
        """We do not know how much of our work is done: forget all of it.  where: the place in our code."""
        life, now = self._life, time.monotonic()
        self._faults = 1 if now > self._last + FORGIVEN_AFTER else self._faults + 1
        self._last = now
        life.server.message = f"fault: {where}, see faults.log"
        life.forget_all()
        if not self._timer:
            wait_ms = min(LONGEST_MS, FIRST_MS << min(self._faults - 1, 10))
            self._timer = life.watcher.loop.after(wait_ms, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._life.phase == "idle":
            takeover.look(self._life)
