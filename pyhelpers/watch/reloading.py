"""`reload x`: have a living server read its conf again, as its key `reload` says, and find out whether it is well then.

It is well if its process has lived on for start_seconds, its check has succeeded once since then, and, with
heartbeat = notify, READY=1 has followed a RELOADING=1.  Both may come within start_timeout.
"""

from __future__ import annotations

import time

from base.exits import FAILED, NOT_CONFIGURED, NOT_RUNNING
from config.life_settings import asked
from loop.deadline import Patience
from state.history import incident_id
from watch import around, signals
from watch.life_command import LifeCommand, told_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from health.active_check import Check
    from loop.loop import Timer
    from watch.lifecycle import Life

LONGEST_PAUSE_MS = 200.0


def begin(life: Life, token: str) -> None:
    """Begin; the answer to the order follows when it is known."""
    server = life.server
    words = asked(server, "reload")
    under_way = life.watcher.shared.setdefault("reloading", set())
    assert isinstance(under_way, set)
    if not words:
        refusal = f"{NOT_CONFIGURED} conf does not say how; set reload in {server.conf_file}"
    elif not server.pid or life.phase != "up":
        refusal = f"{NOT_RUNNING} it does not run"
    elif server.number in under_way:
        refusal = f"{FAILED} another reload is under way; wait for its end"
    else:
        under_way.add(server.number)
        _Reloading(life, token, under_way).begin(words)
        return
    life.account.answer(token, refusal)


class _Reloading:
    """One reload.  under_way: numbers of the servers that reload."""

    def __init__(self, life: Life, token: str, under_way: set[int]) -> None:
        self._life = life
        self._loop = life.watcher.loop
        self._token = token
        self._under_way = under_way
        self._who = (life.server.pid, life.server.ticks)
        self._pause = 1.0
        self._command: LifeCommand | None = None
        self._timer: Timer | None = None
        self._patience: Patience | None = None

    def begin(self, words: list[str]) -> None:
        """Tell the server, by the signal or the command."""
        life, limit = self._life, self._life.server.timeout_ms
        if words[0] == "command":
            self._command = LifeCommand(life.watcher, life.server, "reload", words[1:], limit, {}, self._ran)
            self._watch_command()
            return
        status, _, text = signals.send(life.server, words[0]).partition(" ")
        if status == "0":
            self._observe()
        else:
            self._end(int(status), text)

    def _watch_command(self) -> None:
        """A command of a server that has ended is no longer wanted."""
        if self._is_dead() and self._command:
            self._command.end()
        else:
            self._timer = self._loop.after(LONGEST_PAUSE_MS, self._watch_command)

    def _ran(self, why: str, text: str) -> None:
        if self._timer:
            self._timer.cancel()
        if why:
            self._end(FAILED, f"its command failed: {told_of(why, text)}", text)
        elif self._is_dead():
            self._end(FAILED, self._death())
        else:
            self._observe()

    # -- is it well? -----------------------------------------------------------------------------

    def _observe(self) -> None:
        server = self._life.server
        for check in self._checks():
            check.ask_again()
        self._timer = self._loop.after(server.start_ms, self._look)
        self._patience = Patience(self._loop, server.start_ms + server.timeout_ms, self._late)

    def _checks(self) -> list[Check]:
        """Its check, or none."""
        if not self._life.server.vital.get("check"):
            return []
        from health.active_check import Check

        return [vital for vital in self._life.health.vitals if isinstance(vital, Check)]

    def _look(self) -> None:
        if self._is_dead():
            self._end(FAILED, self._death())
            return
        if not self._life.health.missing():
            self._end(0, f"reloaded, pid {self._life.server.pid}")
            return
        self._pause = min(self._pause * 2, LONGEST_PAUSE_MS)
        self._timer = self._loop.after(self._pause, self._look)

    def _late(self) -> None:
        missing = self._life.health.missing()
        self._end(FAILED, f"reloaded, and not well: {missing} after {self._life.server.timeout_ms / 1000:g}s")

    def _is_dead(self) -> bool:
        """Has the process ended?  Another one may be the server by now: its own successor, or one that we started."""
        life = self._life
        return not life.server.pid or life.phase != "up" or life.told == self._who

    def _death(self) -> str:
        how = self._life.server.last_exit
        return f"it ended after the reload ({how})" if how else "it ended after the reload"

    # -- the answer ------------------------------------------------------------------------------

    def _end(self, status: int, text: str, printed: str = "") -> None:
        life, (pid, ticks) = self._life, self._who
        if self._timer:
            self._timer.cancel()
        if self._patience:
            self._patience.end()
            for check in [] if self._is_dead() else self._checks():
                check.goes_on()
        self._under_way.discard(life.server.number)
        incident = f"{incident_id(life.server.name, pid, ticks, life.watcher.boot)}-reload-{time.monotonic_ns()}"
        how = "failed" if status else "well"
        life.watcher.emit("around", life.server, f"{pid} reload {incident} {how} {text}")
        around.report_output(life, pid, incident, printed)
        life.account.answer(self._token, f"{status} {text}")
