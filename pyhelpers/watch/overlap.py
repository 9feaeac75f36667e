"""`restart --overlap x`: start a new process on the descriptors of the old one; end that when the new one serves.

    new process starts beside ──RUNNING, healthy──▶ it is the server ──▶ the old process is ended, by `stop`
             └──────────────────fails─────────────▶ it is ended; the old process never noticed

While both live, we follow both, so no search and no rule takes one for a stray of the other; and the record names the
one that stays and the one that goes (watch/parting.py).  One append to the record exchanges the two.  If the old
process dies meanwhile, that is a death like any other; the start that answers it is the one that is under way.
"""

from __future__ import annotations

import time

from base.exits import FAILED, NOT_CONFIGURED, NOT_RUNNING, Refused
from config.life_settings import asked
from loop import descendants
from loop.terminate import Ending, could_not_end
from proc import identity, ports
from state.history import incident_id
from watch import newcomer, parting
from watch.parting import Parting
from watch.replaceable import Replaceable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from health.notify import Notify
    from loop.leftovers import Dead
    from watch.lifecycle import Life

EXTEND = b"EXTEND_TIMEOUT_USEC="


def begin(life: Life, token: str) -> None:
    """Begin; the answer to the order follows when one process is left."""
    other = life.overlap if isinstance(life, Replaceable) else None
    if other and not other.is_ordered:
        other.then(lambda: begin(life, token))  # it clears up after an earlier watcher, which got this order too
        return
    refusal = f"{FAILED} another overlap is under way; wait for its end" if other else _refusal(life)
    if refusal:
        life.account.answer(token, refusal)
    else:
        Overlap(life, token).begin()


def recover(life: Life, text: str) -> None:
    """An earlier watcher was killed during an overlap, or before it had ended what is to be ended: end it now.

    text: `beside` of the record.
    """
    try:
        dead, run = parting.noted(life.server, text)
    except ValueError:
        return
    if isinstance(life, Replaceable) and life.overlap:
        return  # after a fault of ours: that goes on
    life.account.beside = text
    Overlap(life, "").clear_up(dead, run)


def _refusal(life: Life) -> str:
    """Why it cannot be restarted so, `STATUS TEXT`; "" if it can."""
    server, held = life.server, life.watcher.held
    if "singleton" in server.vital:
        return f"{NOT_CONFIGURED} is a singleton, and for a while there would be two of it; use restart alone"
    if not server.ends or not server.ends.sockets:
        return (
            f"{NOT_CONFIGURED} conf gives it no sockets, so a new process could not serve beside it; use restart alone"
        )
    if server.ends.scm:
        words = "what is sent to the new process could reach the old one"
        return f"{NOT_CONFIGURED} fd_passing = scm: {words}; use restart alone"
    if any(source[0] != "own" for source in server.sources):
        words = "a pidfile or log names one process, and there are two for a while"
        return f"{NOT_CONFIGURED} pid_from is not own alone: {words}; use restart alone"
    if not server.pid or life.phase != "up":
        return f"{NOT_RUNNING} it does not run"
    try:
        assert held
        held.hand_beside(server)
    except Refused as refused:
        return f"{refused.status} {refused}"
    if server.port and not held.inodes(server).issuperset(ports.listening(server.port)):
        words = f"port {server.port} is none of its sockets, so the new process cannot have it yet"
        return f"{NOT_CONFIGURED} {words}; add it to sockets, or use restart alone"
    return ""


class Overlap:
    """One overlap.  is_ordered: an operator waits; else it only ends what an earlier watcher has left."""

    def __init__(self, life: Life, token: str) -> None:
        self._life = life
        self._watcher = life.watcher
        self._token = token
        self.is_ordered = token != ""
        self._run = 0
        self._prints = b""
        self._newcomer: newcomer.Newcomer | None = None  # while it starts
        self._took_ms = -1.0  # it is healthy, and the server that has died waits for the shell's word
        self._is_start = False  # the server has died, and the newcomer is the start that answers that
        self._why = ""  # it has failed
        self._parting: Parting | None = None
        self._next: list[Callable[[], None]] = []
        if isinstance(life, Replaceable):  # else conf has lost its sockets, and this only clears up
            life.overlap = self
            self._tell_vitals(True)

    def then(self, call: Callable[[], None]) -> None:
        """Call it when one process is left, or none."""
        self._next.append(call)

    # -- the new process starts ------------------------------------------------------------------

    def begin(self) -> None:
        """Start it."""
        life = self._life
        self._keep()
        self._newcomer = newcomer.made(life, self._run, self._runs, self._failed)
        self._listen(self._newcomer)
        life.health.remark(self, "a new process starts beside it")
        self._newcomer.begin()

    def _keep(self) -> None:
        """Remember what the launch makes anew of the private files of the server."""
        directory, settings = self._life.account.directory, self._life.server.launch.settings
        if "private" in settings:
            from state import fingerprint

            self._prints = fingerprint.kept(directory)
        if "secrets" in settings:
            from spawn import credentials

            self._run = credentials.run_of(directory)

    def _listen(self, new: newcomer.Newcomer) -> None:
        mine, its = _notify_of(self._life), _notify_of(new)
        if mine and its:
            its.listen_with(mine)

    @property
    def is_starting(self) -> bool:
        """Is the new process there, and not the server yet?"""
        return self._newcomer is not None

    def take_over(self, since: float) -> None:
        """The server has died, and is to be started: the newcomer is that start.  since: on the monotonic clock."""
        self._is_start = True
        self._life.account.mark_starting()
        if self._took_ms >= 0:
            self._exchange((time.monotonic() - since) * 1000)

    def _runs(self, took_ms: float) -> None:
        """It is RUNNING and healthy."""
        if self._life.server.pid or self._is_start:
            self._exchange(took_ms)
        else:
            self._took_ms = took_ms

    def _exchange(self, took_ms: float) -> None:
        """From now on it is the server."""
        life, new, is_start = self._life, self._newcomer, self._is_start
        assert new and isinstance(life, Replaceable)
        old = life.server.pid
        if old:
            descendants.remember(self._watcher, life.server)
        server, process = new.server, identity.look(new.server.pid)
        its_end = new.withdraw()
        if not process or not life.replace(process, server):
            self._clear_away(f"it ended while it started{_how(new)}", its_end)
            return
        self._newcomer = None
        self._leave_alone(life.account.dead)
        if is_start:
            life.started(took_ms)
        else:
            self._serves(old, took_ms)
        self._parting = Parting(life, life.account.dead, life.ending_of, self._gone, self._stuck)

    def _leave_alone(self, dead: Dead) -> None:
        """The old one is to be ended: write down both, in one piece."""
        life = self._life
        life.account.beside = parting.note(dead) if dead.pid else ""
        life.health.remark(self, "")
        life.server.message = ""
        life.account.write()
        notify = _notify_of(life)
        if notify:
            notify.other = self._is_of_old

    def _serves(self, old: int, took_ms: float) -> None:
        life = self._life
        self._watcher.emit("overlap", life.server, f"{life.server.pid} {old} {took_ms:.0f}")
        life.health.serving()
        if asked(life.server, "start_post"):
            from watch.around_life import AroundLife

            assert isinstance(life, AroundLife)
            life.commands.start_post()

    def _is_of_old(self, pid: int, uid: int, text: bytes | None) -> bool:
        """Has the process sent this to us that is being ended?  It may ask for more time."""
        dead = self._parting.dead if self._parting else None
        if not dead or not descendants.belongs(self._watcher, pid, dead.pid, dead.ticks, dead):
            return False
        for line in (text or b"").split(b"\n"):
            digits = line.removeprefix(EXTEND)
            if line.startswith(EXTEND) and digits.isdigit() and len(digits) < 15 and self._parting:
                self._parting.extend(int(digits) / 1000)
        return True

    # -- one of them goes ------------------------------------------------------------------------

    def _failed(self, text: str) -> None:
        if self._newcomer:
            self._clear_away(text, self._newcomer.withdraw())

    def cancel(self, why: str) -> None:
        """Something else is to become of the server: end the new process, if it is not the server yet."""
        if self._newcomer:
            self._is_start = False
            self._clear_away(why, self._newcomer.withdraw())

    def forget(self) -> None:
        """A fault of ours: stop all of this.  The record leads to the process that is to be ended."""
        self._leave_life()
        new, self._newcomer, self._is_start = self._newcomer, None, False
        if new:
            new.withdraw()
        self._why = self._why or "a fault of the monitor itself; see faults.log"
        self._answer()

    def _clear_away(self, why: str, dead: Dead) -> None:
        """End the new process, or what it left behind; by signals alone, for a command might end the old one."""
        self._newcomer, self._why = None, why
        notify = _notify_of(self._life)
        if notify:
            notify.other = None
        self._life.health.remark(self, "")
        self._parting = Parting(self._life, dead, Ending, self._put_back, self._stuck)

    def clear_up(self, dead: Dead, run: int) -> None:
        """The same, for an earlier watcher."""
        self._run = run
        self._parting = Parting(self._life, dead, Ending, self._put_back, self._stuck)

    def _put_back(self) -> None:
        """The old process goes on, with the secrets that it was launched with."""
        directory, run = self._life.account.directory, self._run
        if self._prints:
            from state import fingerprint

            fingerprint.put_back(directory, self._prints)
        if not run:
            self._gone()
            return
        from spawn import credentials

        self._watcher.loop.errand(lambda: credentials.put_back(directory, run), self._is_put_back)

    def _is_put_back(self, text: str) -> None:
        if text:
            self._watcher.say(self._life.server, text)
        self._gone()

    def _stuck(self, left: list[int]) -> None:
        """One of them cannot be ended; what waits for that waits no longer, and we try again."""
        self._life.account.say_all("overlap", [could_not_end(left[0])])
        self._answer(could_not_end(left[0]))
        self._go_on()

    def _gone(self) -> None:
        """One process is left, or none."""
        life = self._life
        life.account.say_all("overlap", [])
        life.account.beside = ""
        life.account.write()
        notify = _notify_of(life)
        if notify:
            notify.other = None
        self._leave_life()
        self._mend()
        self._answer()
        self._go_on()

    def _leave_life(self) -> None:
        if isinstance(self._life, Replaceable) and self._life.overlap is self:
            self._life.overlap = None
            self._tell_vitals(False)

    def _tell_vitals(self, is_beside: bool) -> None:
        for vital in self._life.health.vitals:
            vital.is_beside = is_beside

    def _mend(self) -> None:
        life, held = self._life, self._watcher.held
        lost = held.mend(life.server) if held and life.server.pid else ""
        if lost:
            life.health.hung(lost)

    def _go_on(self) -> None:
        calls, self._next = self._next, []
        for call in calls:
            call()

    def _answer(self, stuck: str = "") -> None:
        """Answer the operator, once; stuck: what went wrong at the end."""
        token, self._token = self._token, ""
        life, why, is_start = self._life, self._why, self._is_start
        if not token:
            return
        if why:
            goes_on = f", pid {life.server.pid} goes on" if life.server.pid else ""
            text = f"not replaced{goes_on}; the new process: {why}{stuck and f'; {stuck}'}"
            life.account.answer(token, f"{FAILED} {text}")
            self._report_failure(why, is_start)
        elif stuck:
            life.account.answer(token, f"{FAILED} running, pid {life.server.pid}, but {stuck}")
        else:
            dead, took = self._parting and self._parting.dead, self._parting and self._parting.took
            ended = f" (pid {dead.pid}: {took})" if dead and took else ""
            life.account.answer(token, f"0 running, pid {life.server.pid}{ended}")

    def _report_failure(self, why: str, is_start: bool) -> None:
        life = self._life
        if is_start:
            life.start_failed(FAILED, why)
            return
        server = life.server
        incident = incident_id(server.name, server.pid, server.ticks, self._watcher.boot)
        incident = f"{incident}-overlap-{time.monotonic_ns()}"
        self._watcher.emit("around", server, f"{server.pid} overlap {incident} failed {why}")


def _notify_of(life: Life) -> Notify | None:
    """Its vital that hears sd_notify(3), if it has one."""
    if life.server.vital.get("heartbeat") != "notify":
        return None
    from health.notify import Notify

    return next((vital for vital in life.health.vitals if isinstance(vital, Notify)), None)


def _how(new: newcomer.Newcomer) -> str:
    how = new.server.last_exit
    return f" ({how})" if how else ""
