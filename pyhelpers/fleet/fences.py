"""The keeper's fence of each singleton: at the end of its lease all of it is dead, whoever else does nothing.

The monitor's helper has the same deadline and ends the server itself, by its `stop` (watch/fence.py).  This fence sends
the first signal only if the helper does not, and kills what is left one margin before the deadline.
"""

from __future__ import annotations

from base.clock import boot_seconds
from config.fleet_checks import margin_ms, stop_ms
from config.life_settings import asked
from loop.kill_tree import kill_tree, signal_one
from proc.descent import Descent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server

MOST_GRACE = 0.5  # seconds: for the helper, which stops it, too


class Fence:
    """Of one server.  Times are seconds since boot.

    deadline: 0.0 while it is not ours; has_helper: the monitor's helper lives, and may stop it itself.
    """

    def __init__(self, server: Server, lease: float) -> None:
        self.server = server
        self.deadline = 0.0
        self.is_stopping = False
        self._margin = margin_ms(int(lease * 1000)) / 1000
        self._stop = stop_ms(server.stop, asked(server, "stop_command")) / 1000
        self._of = Descent()
        self._known: dict[int, int] = {}
        self._steps: list[tuple[float, str]] | None = None  # None: its stop has not begun

    def held(self, deadline: float) -> None:
        """It is ours until then."""
        self.deadline = deadline
        self._steps = None
        self.is_stopping = False

    def armed(self, invocation: str, owner: int, cgroup: str) -> None:
        """It is about to be executed: all that carries this id, or is in this cgroup, is it."""
        self._of = Descent(0, 0, invocation, owner, cgroup)
        self._known = {}
        self.is_stopping = False

    def is_now(self, pid: int, ticks: int, sid: int, seen: int) -> None:
        """This process is the server."""
        self._known = {pid: ticks}
        self._of.sid, self._of.seen = sid, seen

    def stop_at(self) -> float:
        """When its stop begins, so that it can end in time."""
        return self.deadline - self._margin - self._stop

    def kill_at(self) -> float:
        """When all that is left of it is killed."""
        return self.deadline - self._margin

    def due(self, has_helper: bool) -> float:
        """When to call act() next."""
        if self._steps is None:
            return self.stop_at() + self._grace(has_helper)
        return min([self.kill_at(), *(at for at, _ in self._steps[:1])])

    def _grace(self, has_helper: bool) -> float:
        return min(MOST_GRACE, self._stop / 4) if has_helper else 0.0

    def has_begun(self) -> bool:
        """Has its stop begun?"""
        return self._steps is not None

    def begin(self, has_helper: bool, is_stopping: bool = False) -> None:
        """Stop it, from now on; its signals come at their times, unless the helper stops it."""
        at = boot_seconds() + self._grace(has_helper)
        self._steps = []
        self.is_stopping = is_stopping
        for step in self.server.stop:
            if step.isdigit():
                at += int(step) / 1000
            else:
                self._steps.append((at, step))

    def act(self, has_helper: bool) -> bool:
        """Do what is due now.  True: it is over, all of it is killed."""
        now = boot_seconds()
        if now >= self.kill_at():
            kill_tree(self._of, self._known)
            self.deadline = 0.0
            return True
        if self._steps is None and now >= self.due(has_helper):
            self.begin(False)
        while self._steps and self._steps[0][0] <= now:
            _, name = self._steps.pop(0)
            if not self.is_stopping:
                for pid, ticks in self._known.items():
                    signal_one(pid, ticks, name)
        return False
