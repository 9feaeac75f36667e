"""The end of a singleton's lease, as the watcher sees to it: stop it in time, and kill what is left at the deadline.

The keeper has a fence of its own with the same deadline (fleet/fences.py); neither needs the other.  The deadline is
the moment from which another machine may run the server, on a clock that runs on while the machine is suspended.

    armed ──deadline - margin - stop──▶ stopping ──deadline - margin──▶ killed
"""

from __future__ import annotations

from base.clock import boot_seconds
from base.exits import FAILED, Refused
from config.fleet_checks import margin_ms, stop_ms
from config.life_settings import asked
from loop.kill_tree import kill_tree
from loop.leftovers import Dead

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.loop import Timer
    from watch.fleet_link import FleetLink
    from watch.lifecycle import Life

TOKEN = "MONITOR_FENCE"
MARK = "{fence}"  # in `command`
BEATS = 5  # in a lease
LATE = 1.5  # periods without a beat, from which on status shows how long the lease lasts
NOT_OURS = "this machine does not have its lock"


class Fence:
    """Of one singleton.  token: of our hold, 0: it is not ours.  Times are seconds since boot."""

    def __init__(self, life: Life, link: FleetLink) -> None:
        self.life = life
        self._link = link
        self.token = 0
        self._deadline = 0.0
        self._is_wanted = self._is_killed = self._is_resumed = False
        self._armed = ""
        self._timer: Timer | None = None
        self._margin = margin_ms(int(link.lease * 1000)) / 1000
        self._stop = stop_ms(life.server.stop, asked(life.server, "stop_command")) / 1000

    # -- the lease -------------------------------------------------------------------------------

    def held(self, token: int, deadline: float, is_resumed: bool = False) -> None:
        """It is ours until then.  The next process gets the token, by which a store can tell it from an older one.

        is_resumed: an earlier watcher had it, and what runs was started with this token.
        """
        if token == self.token:
            self.beat(deadline)
            return
        self.token, self._deadline, self._is_killed = token, deadline, False
        self._is_resumed = is_resumed
        launch = self.life.server.launch
        launch.environment = {**launch.environment, TOKEN: str(token)}
        launch.argv = [word.replace(MARK, str(token)) for word in self.life.server.argv]
        self.life.watcher.emit("held", self.life.server, str(token))
        self._look()

    def beat(self, deadline: float) -> None:
        """It is ours for longer."""
        if self.token:
            self._deadline = max(deadline, self._deadline)
            self.life.health.remark(self, "")

    def lost(self, how: str, why: str) -> None:
        """Another machine may have it: stop it now."""
        if self.token:
            self._begin(how, why)
            self._look()

    def _stop_at(self) -> float:
        return self._deadline - self._margin - self._stop

    def _kill_at(self) -> float:
        return self._deadline - self._margin

    def _look(self) -> None:
        """Do what is due, and look again at the next moment, at least once a beat: our timers rest in a suspend."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        now = boot_seconds()
        if self.token and now >= self._stop_at():
            self._link.take_lines()  # we may have stood still, and the keeper has not
            if self._timer:
                return  # one of them had us look
        if self.token and now >= self._stop_at():
            self._link.order(f"fenced {self.life.server.name}")
            how = "silent" if self._link.explains() else "fenced"
            self._begin(how, f"no word from etcd since {self._silence(now):.0f} s")
        if not self.token and self._deadline and now >= self._kill_at() and not self._is_killed:
            self._is_killed = True
            self._deadline = 0.0
            self._kill()
        if not self._deadline:
            return
        self._show_lease(now)
        due = self._stop_at() if self.token else self._kill_at()
        self._timer = self.life.watcher.loop.after(min(due - now, self._link.lease / BEATS) * 1000, self._look)

    def _silence(self, now: float) -> float:
        """Seconds since the last beat that succeeded."""
        return now - (self._deadline - self._link.lease)

    def _show_lease(self, now: float) -> None:
        if self.token and self._silence(now) > LATE * self._link.lease / BEATS:
            self.life.health.remark(self, f"lease {self._deadline - now:.0f} s")

    def _begin(self, how: str, why: str) -> None:
        """It is not ours any more: report it, and stop what runs, without waiting for the shell."""
        self.token = 0
        self.life.watcher.emit("lost", self.life.server, f"{how} {why}")
        if self.life.phase != "idle":
            self.life.stop(search=False)

    def _kill(self) -> None:
        server = self.life.server
        of = Dead(server) if server.pid else self.life.account.dead
        kill_tree(of, {**of.kids, of.pid: of.ticks} if of.pid else of.kids, looks=0)

    # -- its life --------------------------------------------------------------------------------

    def claim(self) -> None:
        """The shell wants it to run here."""
        self._is_wanted = True
        self._link.order(f"want {self.life.server.name}")

    def release(self, more: str) -> None:
        """It does not run, and is not to run here: let another machine have it.  more: ` bad` if it cannot run here."""
        if self.life.server.pid:
            return  # it does
        self.token, self._deadline, self._is_wanted = 0, 0.0, False
        self._link.order(f"release {self.life.server.name}{more}")

    def refuses(self) -> bool:
        """May it not be started now?  Then report once more that it is not ours."""
        if self.token and boot_seconds() < self._stop_at():
            return False
        self.life.watcher.emit("lost", self.life.server, f"refused {NOT_OURS}")
        return True

    def arm(self) -> None:
        """It is about to be executed: the keeper's fence must know it before.  Raises Refused: too late."""
        if not self.token or boot_seconds() >= self._stop_at():
            raise Refused(FAILED, NOT_OURS)
        server = self.life.server
        server.launch.settings["not_after"] = f"{self._stop_at():.3f}"
        self._armed = f"armed {server.name} {server.owner} {server.invocation or '-'} {server.cgroup or '-'}"
        self._link.order(self._armed)

    def follows(self) -> None:
        """This is its process now."""
        server = self.life.server
        self._link.order(f"pid {server.name} {server.pid} {server.ticks} {server.sid} {server.seen}")

    def leaves(self) -> None:
        """That was its process: the keeper, which follows it, too, need not wait for us."""
        self._link.order(f"gone {self.life.server.name}")

    def adopted(self) -> None:
        """It runs, and we did not start it: if it was started without the lock, it is stopped."""
        if not self.token or not self._is_resumed:
            self._begin("conflict", f"pid {self.life.server.pid} runs without the lock")

    def seek(self) -> None:
        """It must not run here: has someone started it by hand?"""
        if not self.token and self.life.phase == "idle":
            self.life.watcher.want_scan(self.life, _nothing)

    def introduce(self) -> None:
        """A new keeper has begun: what it does not read from the disk."""
        if self._armed:
            self._link.order(self._armed)
        if self.life.server.pid:
            self.follows()
        if self._is_wanted and not self.token:
            self.claim()


def _nothing() -> None:
    """It is not there, as it should be."""


# -- for the life of a server, which has one or not ---------------------------------------------


def of(life: Life) -> Fence | None:
    """Its fence; None: its watcher has none, as an operator's command."""
    from watch import fleet_link

    link = fleet_link.of(life)
    return link.fences.get(life.server.name) if link else None


def arm(life: Life) -> None:
    """It is about to be executed.  Raises Refused."""
    fence = of(life)
    if not fence:
        name = life.server.name
        raise Refused(FAILED, f"is a singleton, and only its monitor has the lock; run ./monitor.sh {name} to watch it")
    fence.arm()


def follows(life: Life) -> None:
    """It has a process."""
    fence = of(life)
    if fence:
        fence.follows()


def leaves(life: Life) -> None:
    """It has no process now, or another one."""
    fence = of(life)
    if fence:
        fence.leaves()


def adopted(life: Life) -> None:
    """It has a process that we did not start."""
    fence = of(life)
    if fence:
        fence.adopted()


def refuses(life: Life) -> bool:
    """May the shell's order to start it not be obeyed?"""
    fence = of(life)
    return fence is not None and fence.refuses()
