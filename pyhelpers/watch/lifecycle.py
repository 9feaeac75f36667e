"""The life of one server: its supervisor finds or starts it, follows it to its death, and reports that.

    idle ──start──▶ waiting ──▶ starting ──▶ up ──death──▶ idle
      └──────────── found alive (adopted) ───▲

Nothing here decides what follows a death: the shell has given a standing order, or gives one when we send the event.
"""

from __future__ import annotations

import os
import time

from base.clock import TICKS_PER_SECOND, boot_seconds
from health.health import Health
from loop import cgroups, descendants
from loop.leftovers import Dead
from loop.terminate import Ending
from proc import evidence, identity, succession
from watch import following, last_words
from watch.afar import Afar
from watch.death import Death
from watch.journal import Account
from watch.offspring import Offspring
from watch.outage import Outage
from watch.pending import Pending
from watch.relook import Relook
from watch.standing import Standing
from watch.start_attempt import Start
from watch.succession import Search, find_successor, session_left, watch_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loop.host import Supervisor
    from loop.loop import Timer
    from proc.server import Server
    from watch.rivalry import Rivalry


class Life:
    """Follows one server.

    phase: idle waiting starting unanswered up stopping succession, and unstopped (watch/stopping.py).
    account: its record and remarks; afar: its paths that may not answer.
    start_of, ending_of: what starts it, and what ends its process.
    """

    __slots__ = (
        "_attempt _died_at _search _wait account afar ending health is_sought"
        " offspring outage pending phase relook rivalry server standing surely_absent told was_waiting watcher"
    ).split()

    may_stand = True  # may the next death be answered with a start before the shell hears of it?
    start_of = Start
    ending_of: Callable[..., Ending] = Ending

    def __init__(self, server: Server, watcher: Supervisor, directory: str) -> None:
        self.server = server
        self.watcher = watcher
        self.account = Account(server, watcher, directory, Dead(server))
        self.afar = Afar(self)
        self.phase = "idle"
        self.surely_absent = False  # no copy of it can run: we searched for it, or saw our own process die
        self.told = (0, 0)  # pid and start ticks of the last process whose end was reported to the shell, or ordered
        self._died_at = 0.0
        self.outage = Outage()
        self._attempt: Start | None = None
        self._wait: Timer | None = None
        self._search: Search | None = None  # for the successor
        self.pending = Pending(server, watcher)
        self.standing = Standing(self)
        self.was_waiting = False  # was it in state D at the last look?
        self.ending: Ending | None = None  # the last Ending
        self.is_sought = False  # it is to be stopped, and we search for it
        self.relook = Relook(self)
        self.offspring: Offspring | None = None  # if the record alone must prove it
        self.rivalry: Rivalry | None = None  # with another process that restarts it
        self.health: Health = Health(self)
        if "private" in server.launch.settings:
            server.launch.settings["private"] = directory

    def age(self) -> float:
        """Seconds since the living process started."""
        return boot_seconds() - self.server.ticks / TICKS_PER_SECOND

    def tell(self, word: str, rest: str) -> None:
        """Send an event that the shell must answer; before a death, tell it who else may restart the server."""
        if word in ("down", "restart_pending") and self.account.dead.parent[0]:
            from watch import rivalry

            rivalry.announce(self)
        self.pending.send(word, rest)

    # -- found -----------------------------------------------------------------------------------

    def find(self) -> None:
        """Has someone started it by hand?"""
        process, source, remarks = evidence.named(self.server, self.watcher.directories)
        if not process or not self.adopt(process, source):
            self.account.say_all("evidence", remarks)

    def resume_start(self) -> None:
        """Go on with the start of the process that we follow: its watcher died over it."""
        self._become("starting", "STARTING")
        self._attempt = self.start_of(self, self.account.dead, time.monotonic())
        self._attempt.resume()

    def adopt(self, process: identity.Process, source: str, word: str = "adopted", made: int = 0) -> bool:
        """Follow a process that we did not start; word: moved, if it replaced the process that we followed.

        made: a session of which we know that it was made for the server.  False: it has ended by now.
        """
        dead, succeeds = self.account.dead, self.phase == "succession"
        if source == "scan" and succession.is_worker(dead, process):
            return False  # what the dead one left behind looks like it
        if self.phase == "stopping":
            from watch import stopping

            return stopping.end_found(self, process, source, made)
        if succeeds:
            word, made = "moved", session_left(dead, process)
        ours = process.ppid == os.getpid()  # an update has put a new watcher into our process
        if not self.follow(process, source, "launched" if ours else "adopted", made):
            return False
        self._cancel()
        self._become("up", "RUNNING")
        self._know_owner()
        self.remember_kids()
        self.account.write()
        self._watch_offspring()
        self.standing.tell()
        self.watcher.emit("up", self.server, f"{process.pid} {word} {source} 0 {self.outage.told()}")
        self.health.serving()
        if succeeds:
            watch_port(self)
        if word == "adopted" and "singleton" in self.server.vital:
            from watch import fence

            fence.adopted(self)
        return True

    def follow(self, process: identity.Process, source: str, mode: str, made: int = 0) -> bool:
        """Take it for the server, and wait on its pidfd from now on.  False: it has ended by now.

        made: a session of which we know that it was made for it.  Raises OSError: it lives, and is not followed.
        """
        pidfd = following.wait_for(process, self.watcher.loop, self._gone)
        if pidfd < 0:
            return False
        self.unfollow()
        self.account.ending = ""  # it concerned another process
        self.server.is_now(process, source, mode, made)
        self.server.pidfd = pidfd
        self.watcher.followed[process.pid] = self
        self.health.begin(mode == "launched" and self.phase == "starting")
        if "singleton" in self.server.vital:
            from watch import fence

            fence.follows(self)
        return True

    def unfollow(self) -> None:
        """Stop following the process; remember what the start of its successor must know."""
        server = self.server
        if server.pid:
            self.health.end()
            self.account.dead = Dead(server)
            cgroups.retire(self.watcher, server.cgroup)
            self.watcher.loop.forget(server.pidfd)
            del self.watcher.followed[server.pid]
            server.pid = server.ticks = 0
            server.pidfd = -1
            if "singleton" in server.vital:
                from watch import fence

                fence.leaves(self)

    # -- after a fault of ours -------------------------------------------------------------------

    def forget_all(self) -> None:
        """Follow nothing, wait for nothing."""
        cut_short = self.phase in ("waiting", "starting")
        try:
            if self._attempt:
                self._attempt.forsake()
            self._cancel()
            self.unfollow()
            if cut_short:
                self.account.mark_starting()  # what died before has been told
            elif self.phase != "idle":  # else the record knows more than we do
                self.account.write()
        except Exception:  # it is just that which does not work
            self._forget_process()
        self.phase = "idle"

    def _forget_process(self) -> None:
        server = self.server
        self._attempt = self._wait = None
        if server.pid:
            self.watcher.followed.pop(server.pid, None)
            self.watcher.loop.forget(server.pidfd)
            server.pid, server.ticks, server.pidfd = 0, 0, -1

    # -- death -----------------------------------------------------------------------------------

    def _gone(self) -> None:
        self._died_at = time.monotonic()
        self.outage.begin()
        death = Death(self)
        self.unfollow()
        self.account.dead = death.dead
        try:
            is_asked = not self._attempt and self.phase != "unstopped" and not self.standing.starts
            if not is_asked or death.how in succession.ORDERLY:
                death.settle(self.watcher)  # what follows needs it; after a crash the shell decides meanwhile
            self._answer(death)
        finally:
            death.settle(self.watcher)

    def _answer(self, death: Death) -> None:
        if self._attempt:
            self._attempt.ended(death.how)
        elif self.phase == "unstopped":
            from watch import stopping

            stopping.end_rest(self, death.dead.pid)
        else:
            self._ended(death)

    def _ended(self, death: Death) -> None:
        """It was no start, and no stop: report the death, unless another process is the server now."""
        server, dead = self.server, death.dead
        self.phase = "idle"
        server.last_exit = death.how
        why = death.reason(self)
        process, source, _ = evidence.named(server, self.watcher.directories)
        is_answered = process is not None and death.is_answered(process)
        if is_answered:
            process = None
        elif not process and death.how == "exit 0" and not server.is_confirmed():
            process, source = death.daemon(self), "own"
        if process:
            death.settle(self.watcher)
            if self.adopt(process, source, "moved", session_left(dead, process)):
                return
        # A young process that we did not start may have been a second copy beside the real server
        is_long_up = death.up_for * 1000 > server.timeout_ms
        surely_absent = not is_answered and (server.mode == "launched" or is_long_up)
        text = f"{dead.pid} {death.up_for:.0f} {death.incident} {why}"
        self._search = find_successor(self, why, lambda: self._report(dead, text, surely_absent))

    def _report(self, dead: Dead, death: str, surely_absent: bool) -> None:
        self.phase = "idle"
        self.surely_absent = surely_absent
        _, up_for, incident, _ = death.split(" ", 3)
        is_young = int(up_for) * 1000 < self.server.timeout_ms
        self.watcher.last_words.ended(self.server, dead, incident, is_young)
        self._look_for_core(dead.pid, incident)
        if self.standing.starts and not dead.parent[0]:  # else another process may restart it
            self.standing.carry_out(death)
        else:
            self.told = (dead.pid, dead.ticks)
            self.tell("down", death)

    def _look_for_core(self, pid: int, incident: str) -> None:
        if self.server.core_keep:
            from watch import cores

            cores.crashed(self.watcher, self.server, pid, incident)

    # -- start -----------------------------------------------------------------------------------

    def start(self, wait_ms: int) -> None:
        """Start it after the wait, unless we find it running.  A start that is under way goes on."""
        self.pending.answered()
        if self._attempt or self.phase == "unanswered":
            return
        if self.server.pid:  # someone paused it while it started
            from watch import drifting

            if drifting.report(self):
                return
            self._become("up", "RUNNING")
            self.watcher.emit(
                "up", self.server, f"{self.server.pid} adopted {self.server.source} 0 {self.outage.told()}"
            )
            self.health.resume()
            return
        self._cancel()
        if wait_ms:
            self._become("waiting", "BACKOFF", self.server.message)
            self.account.write()
            if self.rivalry:
                self.rivalry.wait()
            self._wait = self.watcher.loop.after(wait_ms, lambda: self._begin(time.monotonic()))
        else:
            self._begin(self._died_at or time.monotonic())

    def begin_again(self) -> None:
        """Start it, now that its path answers."""
        self._begin(time.monotonic())

    def _begin(self, since: float) -> None:
        if self.afar.holds_child():  # a process waits for this path already
            self.phase = "unanswered"
            self.silence_changed()
            return
        self._become("starting", "STARTING")
        search, self.surely_absent, self._died_at = not self.surely_absent, False, 0.0
        if search:  # that takes a while, and the operator must not take the last state for the outcome
            self.account.mark_starting()
        self._attempt = self.start_of(self, self.account.dead, since)
        self._attempt.begin(search)

    def started(self, took_ms: float) -> None:
        """The attempt has succeeded; took_ms: from the death or the order until we knew that it runs."""
        self._cancel()
        server = self.server
        self._become("up", "RUNNING")
        server.is_seen()
        self._know_owner()
        self.account.write()
        self._watch_offspring()
        self.standing.tell()
        told = f"{server.pid} launched {server.source} {took_ms:.0f} {self.outage.told()}"
        self.watcher.emit("up", server, told)
        self.watcher.tidy_soon(self)
        self.health.serving()
        if self.rivalry:
            self.rivalry.look_beside()

    def start_failed(self, status: int, text: str, why: str = "") -> None:
        """The attempt has failed: an LSB status, and the reason; why: how its process ended, if it did."""
        self._cancel()
        self.phase = "idle"
        self.server.last_exit = why or self.server.last_exit
        self.server.message = text
        self.outage.begin()
        self.standing.tell()
        if why:
            self._look_for_core(self.account.dead.pid, "-")
        self.watcher.last_words.not_started(self.server, text)
        self.tell("failed", f"{status} {time.monotonic_ns()} {text}")

    def unanswered(self, path: str, child: int) -> None:
        """The attempt waits until a file system answers.  child: the process that waits for it."""
        self._cancel()
        self.phase = "unanswered"
        self.afar.left(path, child)
        self.silence_changed()  # the path may have been silent before this attempt

    def silence_changed(self) -> None:
        """A path of it has fallen silent or answers again: while it is silent, the state is UNKNOWN."""
        silent = self.afar.silent
        if silent and (self.phase == "unanswered" or self.server.state in ("RUNNING", "UNKNOWN")):
            self.account.become("UNKNOWN", f"{silent} does not answer")
        elif not silent and self.phase == "up" and self.server.state == "UNKNOWN":
            self.account.become("RUNNING")
        self.account.write()

    def _cancel(self) -> None:
        if self._search:
            self._search.cancel()
            self._search = None
        if self._attempt:
            self._attempt.cancel()
            self._attempt = None
        if self._wait:
            self._wait.cancel()
            self._wait = None
        if self.rivalry:
            self.rivalry.rest()

    def _become(self, phase: str, state: str, message: str = "") -> None:
        self.phase = phase
        self.account.become(state, message)

    # -- asked for by its vitals -----------------------------------------------------------------

    def end_process(self, steps: Sequence[str], done: Callable[[list[int]], None]) -> None:
        """End it by these steps; we keep following it, and its pidfd reports how it ended."""
        descendants.remember(self.watcher, self.server)
        who = [(self.server.pid, self.server.ticks)]
        self.ending = None  # until the constructor returns: the process may have ended by now
        self.ending = self.ending_of(self.watcher.loop, who, steps, done, reap=False)

    def look_now(self) -> None:
        """Something about it has changed: look now, and not only when the next look is due."""
        if self._attempt:
            self._attempt.look_now()
        elif self.phase == "idle":
            self.find()

    def extend(self, milliseconds: float) -> None:
        """The server asks for so much time from now, to start or to end."""
        for waiting in (self._attempt, self.ending):
            if waiting:
                waiting.extend(milliseconds)

    # -- orders ----------------------------------------------------------------------------------

    def leave(self, state: str, message: str, remedy: str = "") -> None:
        """The shell has decided not to start it: take this state.  remedy: what ends it, for status."""
        if self.watcher.held:
            self.watcher.held.left(self.server, state)
        self.pending.answered()
        self.standing.forget()
        self._cancel()
        reason = ""
        if state in ("EXITED", "FATAL"):
            reason = self.watcher.last_words.reason(
                self.server, lambda late: self._add_reason(state, message, late, remedy)
            )
            reason = reason if reason[2:] not in message else ""
        self._become("idle", state, last_words.sentence(message, reason, remedy))
        self.account.write()
        self.is_left()

    def is_left(self) -> None:
        """It does not run, and no start is under way: take its secrets away."""
        if self.phase == "idle" and not self.server.pid and "secrets" in self.server.launch.settings:
            from watch import withdrawal

            withdrawal.begin(self)

    def _add_reason(self, state: str, message: str, reason: str, remedy: str) -> None:
        """What it printed last has been read only now."""
        if self.phase == "idle" and self.server.state == state:
            self._become("idle", state, last_words.sentence(message, reason, remedy))
            self.account.write()

    def stop(self, search: bool = True) -> None:
        """End it and what it started; then send `stopped PID`, PID 0 if nothing ran, or `unstopped PID LEFT`.

        A stop under way goes on.  search: if we follow none, and do not know that none runs, search for it first.
        """
        if self.phase == "stopping":
            return
        self.pending.answered()
        self.standing.forget()
        self.outage.forget()
        self._cancel()
        self._become("stopping", "STOPPING")
        self.account.write()
        from watch import stopping

        stopping.begin(self, search)

    def stopped(self, rest: str) -> None:
        """The stop is carried out: report it."""
        if "secrets" in self.server.launch.settings:
            from watch import withdrawal

            withdrawal.before_stopped(self, rest)
        else:
            self.watcher.emit("stopped", self.server, rest)

    def set_want(self, want: str) -> None:
        """Take over what the operator wants: up, down or paused."""
        resumed = self.account.want == "paused" and want != "paused"
        self.account.set_want(want)
        if want == "paused":
            self.standing.starts = False
            if self._search:
                self._search.give_up()
            self._cancel()
            self.health.end()
            self._become("up" if self.server.pid else "idle", "PAUSED")
            self.is_left()
        elif resumed and self.server.pid:
            from watch import drifting

            if not drifting.report(self):
                self._become("up", "RUNNING")
                self.health.resume()
        self.account.write()

    # -- notes -----------------------------------------------------------------------------------

    def remember_kids(self) -> None:
        """Note the descendants of an adopted server: after its death nothing else may lead to them."""
        if self.server.mode == "adopted":
            descendants.remember(self.watcher, self.server)

    def _watch_offspring(self) -> None:
        """After its death there may be no other proof of its children than the record, if no cgroup holds them."""
        self.offspring = None
        if self.server.mode == "launched" and not self.server.cgroup:
            self.offspring = Offspring(self)

    def _know_owner(self) -> None:
        """Note its user, which may have changed since the launch."""
        self.server.owner = identity.real_uid(self.server.pid)
