"""max_memory, max_cpu, max_fds: does a server use more than conf allows, and for how long?

We measure its whole tree three times in the shortest time of its limits, at least once an interval; by its cgroup, as
far as that tells (health/cgroup_usage.py), else by a walk over the tree.  If each look of
that time is over the limit, we report it once, with the figure; the server is well again when it is within the limit
for as long.  We sum memory as RSS, an upper bound; only if that is too much we ask for PSS, outside the loop.
"""

from __future__ import annotations

import time

from base.clock import TICKS_PER_SECOND, boot_seconds
from config import settled
from health import usage
from health.vitals import Vital
from loop import awake_clock, descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from health.cgroup_usage import Meter, Usage
    from loop.host import Followed
    from loop.loop import Timer

KEYS = ("max_memory", "max_cpu", "max_fds")
SHORTEST_PERIOD = 0.5  # seconds


class Limit:
    """One limit.  for_: seconds; _since: when the server crossed the limit, upwards or, after a report, downwards."""

    def __init__(self, life: Followed, key: str, setting: str) -> None:
        amount, milliseconds, self._action = settled.elements(setting)
        self.allowed = int(amount)
        self.for_ = int(milliseconds) / 1000
        self._life = life
        self._key = key
        self._told = False
        self._since: float | None = None

    def forget(self) -> None:
        """Forget what we saw: the process is another one, or we did not look for a while."""
        self._told = self._life.health.is_reported(self._key)
        self._since = None

    def judge(self, figure: int, shown: str, now: float) -> None:
        """Take in a figure; now: on the clock of loop/awake_clock.py; shown: the figure for a person."""
        if (figure > self.allowed) == self._told:
            self._since = None
            return
        if self._since is None:
            self._since = now
        if now - self._since < self.for_:
            return
        self._told, self._since = not self._told, None
        if self._told:
            text = f"{shown} for {_lasting(self.for_)}, {self._shown_limit()} allowed"
            self._life.health.limit(self._key, text, self._action)
        else:
            self._life.health.cleared(self._key, f"{shown}, {self._shown_limit()} allowed")

    def _shown_limit(self) -> str:
        if self._key == "max_memory":
            return in_units(self.allowed)
        return f"{self.allowed}%" if self._key == "max_cpu" else str(self.allowed)


class Limits(Vital):
    """All limits of one server."""

    def __init__(self, life: Followed) -> None:
        super().__init__(life)
        asked = life.server.vital
        self._limits = {key: Limit(life, key, asked[key]) for key in KEYS if asked.get(key)}
        shortest = min(limit.for_ for limit in self._limits.values())
        self._period = max(SHORTEST_PERIOD, min(self.home.interval_ms / 1000, shortest / 3))
        self._clock = awake_clock.of(self.home)
        self._clock.for_times_of(shortest)
        self._timer: Timer | None = None
        self._meter = usage.Meter()
        self._cgroup_meter: Meter | None = None
        self._looked_at = 0.0
        self._reading = 0  # the _number for which an errand reads the PSS; 0: none
        self._number = 0

    def serving(self) -> None:
        """It is RUNNING: measure it from now on; what it used while it started does not count."""
        self.end()
        self._number += 1
        self._meter = usage.Meter()
        self._cgroup_meter = None
        self._looked_at = 0.0
        for limit in self._limits.values():
            limit.forget()
        self._look()

    def end(self) -> None:
        """Stop looking."""
        self._reading = 0
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._next_look()
        left = set(self._limits) - self._judge_by_cgroup()
        members = descendants.tree(self.home, self.life.server) if left else {}
        if not members:
            return  # nothing is left to look at, or it is dead: its pidfd reports that
        if "max_memory" in left:
            self._judge_memory(members)
        if "max_cpu" in left:
            self._judge_cpu(members)
        if "max_fds" in left:
            self._judge_files(usage.living(members))

    def _next_look(self) -> None:
        """Look at the same time as all servers with this period: one wake-up for them, and one look at the orphans."""
        left = self._period - time.monotonic() % self._period
        if left < self._period / 2:
            left += self._period  # two looks that are too close give a useless difference
        self._timer = self.loop.after(left * 1000, self._look)

    def _judge_by_cgroup(self) -> set[str]:
        """Judge what the cgroup tells, without a walk over the tree; return the limits that are judged so."""
        server = self.life.server
        if not server.cgroup:
            return set()
        from health import cgroup_usage

        used = cgroup_usage.Usage(server.cgroup)
        if server.pid not in used.pids:
            return set()
        judged = set()
        if "max_memory" in self._limits and self._judge_cgroup_memory(used.memory(self._limits["max_memory"].allowed)):
            judged.add("max_memory")
        if "max_cpu" in self._limits:
            self._judge_cgroup_cpu(used)
            judged.add("max_cpu")
        if "max_fds" in self._limits:
            self._judge_files(used.pids)
            judged.add("max_fds")
        return judged

    def _judge_cgroup_memory(self, figure: int) -> bool:
        if figure >= 0:
            self._judge("max_memory", figure, f"{in_units(figure)} in its cgroup")
        return figure >= 0

    def _judge_cgroup_cpu(self, used: Usage) -> None:
        from health.cgroup_usage import Meter

        if not isinstance(self._cgroup_meter, Meter):
            self._cgroup_meter = Meter()
        percent = self._cgroup_meter.percent(used)
        if percent >= 0:
            self._judge("max_cpu", percent, f"{percent}%")

    # -- memory ----------------------------------------------------------------------------------

    def _judge_memory(self, members: dict[int, list[str]]) -> None:
        limit = self._limits["max_memory"]
        resident = usage.rss(members)
        if resident <= limit.allowed:
            self._judge("max_memory", resident, f"{in_units(resident)} RSS")
        elif not self._reading:
            self._reading = number = self._number
            pids = usage.living(members)
            self.loop.errand(lambda: str(usage.pss(pids)), lambda text: self._read(number, resident, text))

    def _read(self, number: int, resident: int, text: str) -> None:
        """The PSS has come; that may have been slow, and the server may be another process by now."""
        if self._reading != number:
            return
        self._reading = 0
        if text.isdigit():
            self._judge("max_memory", int(text), f"{in_units(int(text))} PSS")
        else:
            self._judge("max_memory", resident, f"{in_units(resident)} RSS")

    # -- processor and files ---------------------------------------------------------------------

    def _judge_cpu(self, members: dict[int, list[str]]) -> None:
        """Divide by the time that has really passed: the server worked on while we were stopped."""
        before, self._looked_at = self._looked_at, time.monotonic()
        ticks = self._meter.gain(members, boot_seconds() * TICKS_PER_SECOND)
        if before:
            percent = round(100 * ticks / TICKS_PER_SECOND / max(self._looked_at - before, 0.01))
            self._judge("max_cpu", percent, f"{percent}%")

    def _judge_files(self, pids: list[int]) -> None:
        number = usage.open_files(pids)
        hidden = ["max_fds: its open files may not be looked at; they have no limit"] if number < 0 else []
        self.life.account.say_all("limits", hidden)
        if not hidden:
            self._judge("max_fds", number, f"{number} open files")

    def _judge(self, key: str, figure: int, shown: str) -> None:
        self._limits[key].judge(figure, shown, self._clock.now())


def in_units(amount: int) -> str:
    """Bytes for a person: 612M, 1.5G."""
    if amount >= 10 << 30:
        return f"{amount / (1 << 30):.0f}G"
    if amount >= 1 << 30:
        return f"{amount / (1 << 30):.2g}G"
    return f"{amount / (1 << 20):.0f}M" if amount >= 10 << 20 else f"{amount >> 10}K"


def _lasting(seconds: float) -> str:
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"
