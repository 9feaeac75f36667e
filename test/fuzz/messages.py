"""health/: what a server sends of itself: datagrams of sd_notify, and StatusMessages."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from inputs import Chooser, holds, nothing_is_executed

from health import heartbeat_channel, notify
from loop.loop import Loop

KEYS = (
    "MAINPID",
    "WATCHDOG_USEC",
    "EXTEND_TIMEOUT_USEC",
    "STATUS",
    "RELOADING",
    "READY",
    "STOPPING",
    "WATCHDOG",
    "BARRIER",
)
WORDS = (*(f"\n{key}=" for key in KEYS), *(f"\n{key}=1" for key in KEYS), "\n", "trigger", "0", "1", "5000000", "812")


class Health:
    """Hears what the vitals tell; `hung` and `remark` are what status and people are shown."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def hung(self, text: str) -> None:
        """It does not serve."""
        self.told.append(text)

    def cleared(self, key: str, text: str) -> None:
        """That is over."""
        self.told.append(f"{key} {text}")

    def is_reported(self, _: str) -> bool:
        """No earlier watcher has told of it."""
        return False

    def remark(self, _: object, text: str) -> None:
        """For status."""
        self.told.append(text)


def life() -> Any:
    """A server that is up, whose process we are; what is asked of it is noted in `asked`."""
    asked: list[Any] = []
    LOOP._timers.clear()  # it never runs
    home = SimpleNamespace(loop=LOOP, shared={}, followed={os.getpid(): None}, lives=[], held=None)
    home.say = lambda server, text: asked.append(("say", text))
    home.orphans = lambda sid=0: ()
    server = SimpleNamespace(
        name="a", pid=os.getpid(), ticks=1, sid=0, vital={"heartbeat_timeout": "5000", "channel_every": "200"}
    )
    server.seen, server.invocation, server.cgroup, server.owner, server.kids = 0, "", "", os.getuid(), {}
    account = SimpleNamespace(directory="/nowhere", want="up", ending="", beats="", write=lambda: None)
    found = SimpleNamespace(server=server, watcher=home, account=account, health=Health(), phase="up", asked=asked)
    found.look_now = lambda: asked.append(("look",))
    found.extend = lambda ms: asked.append(("extend", ms))
    found.follow = found.adopt = lambda process, *words: asked.append(("process", process.pid))
    return found


def a_datagram_is_obeyed_or_ignored(choose: Chooser) -> None:
    """What is shown of it is one line; no time is too long, no process is followed but one of the server."""
    whose = life()
    heard = notify.Notify(whose)
    heard._root, heard._followed, heard._waiting = os.getpid(), True, bool(choose.number(1))
    for _ in range(1 + choose.number(2)):
        heard._obey(choose.raw(WORDS)[:4096])
    for text in whose.health.told:
        assert text.isprintable() and len(text) < 300, text
    for word, *rest in whose.asked:
        assert word != "process", rest
        assert word != "extend" or 0 < rest[0] <= notify.LONGEST_TIME * 1000, rest
        assert word != "say" or rest[0].isprintable(), rest
    assert 0 <= heard._timeout <= notify.LONGEST_TIME


def a_status_message_is_a_beat_or_none(choose: Chooser) -> None:
    """The module of the first beat stays; what is no beat is reported once for each kind."""
    whose = life()
    beat = heartbeat_channel.ChannelBeat(whose)
    first = 0
    for _ in range(1 + choose.number(3)):
        module = choose.pick((0, 1, 1, 2, -1, 1 << 31, 3))
        head = (module % (1 << 32)).to_bytes(4, "little")
        raw = (head + choose.bytes(60)).ljust(choose.pick((64, 64, 64, 63, 65, 0)), b"\xff")[:65]
        beat._take(raw)
        first = first or beat._module
        assert beat._module == first and beat._module >= 0
        assert not beat._args or len(beat._args.split(" ")) == 14
    assert len(whose.asked) == len(set(whose.asked)) <= 2, whose.asked
    assert len(heartbeat_channel.shutdown_message(beat._module if beat._module < 1000 else 1)) == 64


LOOP = Loop()

if __name__ == "__main__":
    nothing_is_executed()
    holds(a_datagram_is_obeyed_or_ignored)
    holds(a_status_message_is_a_beat_or_none, size=80)
