"""What tells that a living server does not serve: heartbeats, checks, limits.

A server has a vital for each of them that conf asks for, made when its watcher begins, and kept for all the
processes that the server comes to be.  The module of one is imported only where it is asked for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from life import Life

KINDS = ("check", "heartbeat", "max_memory", "max_cpu", "max_fds")  # keys that, when set, ask for a vital
FAMILIES = ("check", "heartbeat", "max_", "channel")  # how the names of their settings begin


class Vital:
    """One of them, with what it need not care about; life: whose.

    It tells life.health.hung(), limit(), cleared(), remark(), and life.look_now(), extend(); and goes by no
    clock but awake.py's: a watcher that was stopped for a minute saw nothing in it.
    """

    def __init__(self, life: Life) -> None:
        self.life = life

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


def wanted(settings: dict[str, str]) -> dict[str, str]:
    """The settings of all vitals, where one is asked for; else nothing, for a thousand servers that have none."""
    if not any(settings.get(kind) for kind in KINDS):
        return {}
    return {key: value for key, value in settings.items() if key.startswith(FAMILIES)}


def made(life: Life) -> list[Vital]:
    """The vitals of a server."""
    asked = life.server.vital
    found: list[Vital] = []
    if asked.get("heartbeat"):
        found.append(_heartbeat(life, asked["heartbeat"].split("\x1f")[0]))
    if asked.get("check"):
        from checks import Check

        found.append(Check(life))
    if any(asked.get(kind) for kind in KINDS[2:]):
        from limits import Limits

        found.append(Limits(life))
    return found


def _heartbeat(life: Life, kind: str) -> Vital:
    if kind == "shm":
        from beats import ShmBeat

        return ShmBeat(life)
    if kind == "file":
        from beats import FileBeat

        return FileBeat(life)
    if kind == "notify":
        from notify import Notify

        return Notify(life)
    from channelbeat import ChannelBeat

    return ChannelBeat(life)
