"""What tells that a living server does not serve: heartbeats, checks, limits.

A server has a vital for each of them that conf asks for, made when its watcher begins, and kept for all the
processes that the server comes to be.  The module of one is imported only where it is asked for.
"""

from __future__ import annotations

from config import settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Followed


LIMITS = ("max_memory", "max_cpu", "max_fds")


class Vital:
    """One of them, with what it need not care about; life: whose; home: the watcher.

    It tells life.health.hung(), limit(), cleared(), remark(), and life.look_now(), extend(); and goes by no
    clock but loop/awake_clock.py's: a watcher that was stopped for a minute saw nothing in it.
    """

    def __init__(self, life: Followed) -> None:
        self.life = life
        self.home = life.watcher
        self.loop = life.watcher.loop

    def prepare(self) -> None:
        """A new process of the server is launched next."""

    def begin(self, fresh: bool) -> None:
        """A process is followed now: life.server.pid, ticks, pidfd.

        fresh: it was launched by this watcher and is STARTING; else it was found running.  One attempt to
        start may begin several in turn: a launcher, then the daemon that it leaves.
        """

    def missing(self) -> str:
        """What it waits for before the server may count as started; "" for nothing.  Asked while it is STARTING."""
        return ""

    def serving(self) -> None:
        """It is RUNNING now."""

    def tick(self) -> None:
        """An interval has passed, and it is RUNNING."""

    def farewell(self) -> list[str]:
        """It is to be stopped, or ended: ask it to go in the vital's own way.

        Returns the steps (of Ending) that are to follow in place of those of `stop`; [] for no such way.
        """
        return []

    def end(self) -> None:
        """The process is followed no longer, or the server is left alone: no timer, no descriptor stays."""


def made(life: Followed) -> list[Vital]:
    """The vitals of a server."""
    asked = life.server.vital
    found: list[Vital] = []
    if asked.get("heartbeat"):
        found.append(_heartbeat(life, settled.elements(asked["heartbeat"])[0]))
    if asked.get("check"):
        from health.active_check import Check

        found.append(Check(life))
    if any(asked.get(kind) for kind in LIMITS):
        from health.limits import Limits

        found.append(Limits(life))
    return found


def _heartbeat(life: Followed, kind: str) -> Vital:
    if kind == "shm":
        from health.heartbeat_poll import ShmBeat

        return ShmBeat(life)
    if kind == "file":
        from health.heartbeat_poll import FileBeat

        return FileBeat(life)
    if kind == "notify":
        from health.notify import Notify

        return Notify(life)
    from health.heartbeat_channel import ChannelBeat

    return ChannelBeat(life)
