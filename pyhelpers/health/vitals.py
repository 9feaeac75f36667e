"""Vitals detect a living server that does not serve: heartbeats, checks, limits.

A server has a vital for each one that conf sets.  We make it when the watcher begins, and keep it for all processes of
the server.  We import the module of a vital only if conf sets it.
"""

from __future__ import annotations

from config import settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Followed


LIMITS = ("max_memory", "max_cpu", "max_fds")


class Vital:
    """The base of a vital, with empty methods; life: of its server; home: the watcher.

    is_beside: there are two processes of the server, of which one is to take the place of the other (watch/overlap.py);
    what answers may be the other one.
    A vital calls life.health.hung(), limit(), cleared(), remark(), and life.look_now(), extend().  It measures time
    only by loop/awake_clock.py: a watcher that was stopped for a minute saw nothing in that minute.
    """

    def __init__(self, life: Followed) -> None:
        self.life = life
        self.home = life.watcher
        self.loop = life.watcher.loop
        self.is_beside = False

    def prepare(self) -> None:
        """We launch a new process of the server next."""

    def begin(self, fresh: bool) -> None:
        """We follow a process now: life.server.pid, ticks, pidfd.

        fresh: this watcher launched it, and it is STARTING; else we found it running.  One attempt to start
        may begin several processes in turn: a launcher, then the daemon that it leaves behind.
        """

    def missing(self) -> str:
        """What the server lacks to count as started; "" if nothing.  The watcher asks while it is STARTING."""
        return ""

    def serving(self) -> None:
        """It is RUNNING now."""

    def tick(self) -> None:
        """An interval has passed, and it is RUNNING."""

    def farewell(self) -> list[str]:
        """We are about to stop or end the server: ask it to end in the vital's own way.

        Returns the steps (of Ending) that replace those of `stop`; [] if the vital has no such way.
        """
        return []

    def end(self) -> None:
        """We no longer follow the process, or the server is paused: keep no timer and no descriptor."""

    def figures(self) -> tuple[tuple[str, float], ...]:
        """What it knows as numbers, by names of state/findings.py; only metrics ask for it."""
        return ()


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
    if asked.get("restart_every"):
        from health.renewal import Renewal

        found.append(Renewal(life))
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
