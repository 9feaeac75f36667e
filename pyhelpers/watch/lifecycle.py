"""One server's life as its supervisor lives it: found or started, followed to its death, told of.

    idle ──start──▶ waiting ──▶ starting ──▶ up ──death──▶ idle
      └──────────── found alive (adopted) ───▲

What to do about a death is not decided here: it is told, and the shell orders.
"""

from __future__ import annotations

import os
import time

from base.clock import TICKS_PER_SECOND, boot_seconds
from health.health import Health
from loop import descendants
from loop.leftovers import Dead, end_leftovers, look_at_orphans
from loop.terminate import Ending
from proc import cause, evidence, identity
from proc.descent import Descent
from state.history import incident_id
from watch.afar import Afar
from watch.journal import Account
from watch.start_attempt import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loop.host import Supervisor
    from loop.loop import Timer
    from proc.server import Server

FIRST_FAULT_MS, LONGEST_FAULT_MS = 1000, 60_000
WERE_WANTED = ("RUNNING", "STARTING", "BACKOFF", "UNKNOWN")


class Life:
    """Follows one server.  phase: idle waiting starting unanswered up stopping.

    account: its record, and what is said; afar: what of it may not answer.
    """

    __slots__ = (
        "_attempt _died_at _faults _looks_again _surely_absent _told_at _untold _wait _was_waiting "
        "account afar ending health phase server watcher"
    ).split()

    def __init__(self, server: Server, watcher: Supervisor, directory: str) -> None:
        self.server = server
        self.watcher = watcher
        self.account = Account(server, watcher, directory, Dead(server))
        self.afar = Afar(self)
        self.phase = "idle"
        self._surely_absent = False  # no copy of it can run: it was looked for, or we saw ours die
        self._died_at = 0.0
        self._attempt: Start | None = None
        self._wait: Timer | None = None
        self._untold = ""
        self._told_at = 0.0
        self._was_waiting = False  # in the kernel, at the last look
        self.ending: Ending | None = None  # the last one
        self._faults = 0  # of ours on its behalf, the last of which was not long ago
        self._looks_again: Timer | None = None
        self.health: Health = Health(self)

    def age(self) -> float:
        """Seconds that the living process has lived."""
        return boot_seconds() - self.server.ticks / TICKS_PER_SECOND

    # -- found -----------------------------------------------------------------------------------

    def first_look(self) -> None:
        """Take over what runs, by record, pidfile or log; else have the process table searched."""
        known = self.account.recall()
        process = evidence.recorded(known, self.watcher.boot)
        if process:
            self._take_back(process, known)
            return
        if known.get("pid") and known["boot"] == self.watcher.boot:
            self.account.dead = Dead.of_record(self.server, known)
            self.server.owner = self.account.dead.owner
        process, source, remarks = evidence.named(self.server, self.watcher.directories)
        self.account.say_all("evidence", remarks)
        if not process or not self.adopt(process, source):
            self._seek(known)

    def _take_back(self, process: identity.Process, known: dict[str, str]) -> None:
        """The process that the record names lives; what an earlier watcher's launch made for it is its own."""
        server, source = self.server, known["source"] or "own"
        server.invocation, server.owner = known["invocation"], int(known["uid"] or server.owner)
        made = int(known["sid"] or 0)
        if known["state"] == "STARTING":
            self._resume(process, source, made)
        elif known["state"] == "STOPPING" and self.account.want == "down":
            if self.follow(process, source, "adopted", made):
                self.stop()
            else:
                self._seek(known)
        elif not self.adopt(process, source, made=made):
            self._seek(known)
        elif known["ending"]:
            self.health.put_down(process.pid, known["ending"])

    def _seek(self, known: dict[str, str]) -> None:
        """It is not known by record, pidfile or log, as far as these answer."""
        if self.server.unheard:
            self.afar.look(lambda: self._second_look(known))
        else:
            self.watcher.want_scan(self, lambda: self._first_absence(known))

    def _second_look(self, known: dict[str, str]) -> None:
        """What may not answer has been brought, or does not answer; an order may have been quicker."""
        if self.phase != "idle" or self.server.pid:
            return
        process, source, _ = evidence.named(self.server, self.watcher.directories)
        if not process or not self.adopt(process, source):
            self.watcher.want_scan(self, lambda: self._first_absence(known))

    def _resume(self, process: identity.Process, source: str, made: int) -> None:
        """Its watcher died while it started: see that to its end."""
        if self.follow(process, source, "launched", made):
            self._become("starting", "STARTING")
            self._attempt = Start(self, self.account.dead, time.monotonic())
            self._attempt.resume()
        else:
            self.watcher.emit("absent", self.server, "-")

    def _first_absence(self, known: dict[str, str]) -> None:
        """Nothing of it runs: a death while nobody watched, a start cut short, or simply not started yet."""
        self._surely_absent = True
        was_up = (
            self.account.want == "up"
            and known.get("boot") == self.watcher.boot
            and known["state"] in WERE_WANTED
            and known["pid"]
        )
        if not was_up:
            self.tell("absent", known.get("state") or "-")
            return
        if not self.account.dead.pid:  # it has ended just now
            self.account.dead = Dead.of_record(self.server, known)
        incident = incident_id(self.server.name, known["pid"], known["ticks"], self.watcher.boot)
        told = known["starting"] or self.watcher.history_tells(incident)
        up_for = boot_seconds() - int(known["ticks"]) / TICKS_PER_SECOND
        rest = f"{known['pid']} {up_for:.0f} {incident} {known['ending'] or cause.UNKNOWN}"
        self.tell("restart_pending" if told else "down", rest)

    def tell(self, word: str, rest: str) -> None:
        """Tell what needs an answer; after an interval without one it is told again, if the shell has read it."""
        self._untold = f"{word} {rest}"
        self._told_at = time.monotonic()
        self.watcher.emit(word, self.server, rest)

    def acknowledged(self) -> None:
        """What was told has been answered."""
        self._untold = ""

    def _tell_again(self) -> None:
        waited = time.monotonic() - self._told_at
        if self._untold and waited > self.watcher.interval_ms / 1000 and not self.watcher.unread():
            word, _, rest = self._untold.partition(" ")
            self.tell(word, rest)

    def adopt(self, process: identity.Process, source: str, word: str = "adopted", made: int = 0) -> bool:
        """Follow a process that we did not start; word: moved, if it took the place of the one we followed.

        made: the session that is known to have been made for it.  False: it has ended by now.
        """
        if source == "scan" and self.account.dead.left(process):
            return False  # what the dead one left behind looks like it
        ours = process.ppid == os.getpid()  # an update has put a new watcher into our process
        if not self.follow(process, source, "launched" if ours else "adopted", made):
            return False
        self._cancel()
        self._become("up", "RUNNING")
        self._know_owner()
        self._remember_kids()
        self.account.write()
        self.watcher.emit("up", self.server, f"{process.pid} {word} {source} 0")
        self.health.serving()
        return True

    def follow(self, process: identity.Process, source: str, mode: str, made: int = 0) -> bool:
        """Take it for the server, and wait on its pidfd from now on.  False: it has ended by now.

        made: the session that is known to have been made for it.
        """
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return False
        if identity.ticks_of(process.pid) != process.ticks:
            os.close(pidfd)
            return False
        self.unfollow()
        self.account.ending = ""  # that was another one's
        self.server.is_now(process, source, mode, made)
        self.server.pidfd = pidfd
        self.watcher.followed[process.pid] = self
        self.watcher.loop.on_readable(pidfd, self._gone)
        self.health.begin(mode == "launched" and self.phase == "starting")
        return True

    def unfollow(self) -> None:
        """Forget the followed process; remember of it what a successor's start must know."""
        server = self.server
        if server.pid:
            self.health.end()
            self.account.dead = Dead(server)
            self.watcher.loop.forget(server.pidfd)
            del self.watcher.followed[server.pid]
            server.pid = server.ticks = 0
            server.pidfd = -1

    # -- after a fault of ours -------------------------------------------------------------------

    def after_fault(self, where: str) -> None:
        """We do not know what of our work was done: forget all of it, and look at it anew, as a new watcher would."""
        self._faults += 1
        self.server.message = f"fault: {where}, see faults.log"
        cut_short = self.phase in ("waiting", "starting")
        try:
            self._cancel()
            self.unfollow()
            if cut_short:
                self.account.mark_starting()  # what died before has been told
            else:
                self.account.write()
        except Exception:  # it is just that which does not work
            self._forget_process()
        self.phase = "idle"
        if not self._looks_again:
            wait_ms = min(LONGEST_FAULT_MS, FIRST_FAULT_MS << min(self._faults - 1, 10))
            self._looks_again = self.watcher.loop.after(wait_ms, self._look_anew)

    def _forget_process(self) -> None:
        server = self.server
        self._attempt = self._wait = None
        if server.pid:
            self.watcher.followed.pop(server.pid, None)
            self.watcher.loop.forget(server.pidfd)
            server.pid, server.ticks, server.pidfd = 0, 0, -1

    def _look_anew(self) -> None:
        self._looks_again = None
        if self.phase == "idle":
            self.first_look()

    # -- death -----------------------------------------------------------------------------------

    def _gone(self) -> None:
        server = self.server
        self._died_at = time.monotonic()
        incident = incident_id(server.name, server.pid, server.ticks, self.watcher.boot)
        up_for = self.age()
        self._learn_session()
        dead = Dead(server)
        if not dead.adopted:
            look_at_orphans(self.watcher, dead)
        why = self._why()
        self.unfollow()
        self.account.dead = dead
        if self._attempt:
            self._attempt.ended(why)
            return
        self.phase = "idle"
        server.last_exit = why
        why = self.health.reason() or why
        process, source, _ = evidence.named(server, self.watcher.directories)
        if not process and server.last_exit == "exit 0" and not server.is_confirmed():
            process, source = self._daemon_of(dead), "own"
        if process and self.adopt(process, source, "moved"):
            return
        # One that we did not start and that died young may have been a second copy beside the true server
        self._surely_absent = server.mode == "launched" or up_for * 1000 > server.timeout_ms
        self.tell("down", f"{self.account.dead.pid} {up_for:.0f} {incident} {why}")

    def _daemon_of(self, dead: Dead) -> identity.Process | None:
        """What a launcher has left behind that counted as the server itself: the oldest that shows its identity."""
        left = [process for process in map(identity.look, dead.kids) if process and dead.left(process)]
        directories = self.watcher.directories
        fit = [process for process in left if not evidence.objection_to(process, self.server, directories)]
        return min(fit, key=lambda process: process.ticks, default=None)

    def _learn_session(self) -> None:
        """A daemon may have made its session after we had looked; its zombie still shows it."""
        server = self.server
        if server.mode == "launched" and server.sid != server.pid:
            fields = identity.stat_fields(server.pid)
            server.sid = int(fields[3]) if fields and int(fields[19]) == server.ticks else server.sid
            server.is_seen()

    def _why(self) -> str:
        pid = self.server.pid
        why = cause.of_child(pid) or cause.of_other(pid, self.server.ticks, self.server.pidfd)
        if why == "signal KILL" and self.watcher.oom_struck() and cause.killed_by_oom(pid):
            return why + " (oom)"
        return why

    # -- start -----------------------------------------------------------------------------------

    def start(self, wait_ms: int) -> None:
        """Start it after the wait, unless it turns out to run.  A start that is under way goes on."""
        self._untold = ""
        if self._attempt or self.phase == "unanswered":
            return
        if self.server.pid:  # it was paused while it started
            self._become("up", "RUNNING")
            self.watcher.emit("up", self.server, f"{self.server.pid} adopted {self.server.source} 0")
            self.health.resume()
            return
        self._cancel()
        if wait_ms:
            self._become("waiting", "BACKOFF", self.server.message)
            self.account.write()
            self._wait = self.watcher.loop.after(wait_ms, lambda: self._begin(time.monotonic()))
        else:
            self._begin(self._died_at or time.monotonic())

    def _begin(self, since: float) -> None:
        if self.afar.holds_child():  # no second process waits for the same
            self.phase = "unanswered"
            self.silence_changed()
            return
        self._become("starting", "STARTING")
        search, self._surely_absent, self._died_at = not self._surely_absent, False, 0.0
        self._attempt = Start(self, self.account.dead, since)
        self._attempt.begin(search)

    def started(self, took_ms: float) -> None:
        """The attempt has succeeded; took_ms: from the death or the order until it was known to run."""
        self._cancel()
        server = self.server
        self._become("up", "RUNNING")
        server.is_seen()
        self._know_owner()
        self.account.write()
        self.watcher.emit("up", server, f"{server.pid} launched {server.source} {took_ms:.0f}")
        self.watcher.tidy_soon(self)
        self.health.serving()

    def start_failed(self, status: int, text: str, why: str = "") -> None:
        """The attempt has failed: status of the LSB, and the reason; why: how the process ended, if one did."""
        self._cancel()
        self.phase = "idle"
        self.server.last_exit = why or self.server.last_exit
        self.server.message = text
        self.tell("failed", f"{status} {time.monotonic_ns()} {text}")

    def unanswered(self, path: str, child: int) -> None:
        """The attempt waits for a file system; it goes on when that answers.  child: the process that waits for it."""
        self._cancel()
        self.phase = "unanswered"
        self.afar.left(path, child)

    def silence_changed(self) -> None:
        """A path of it does not answer, or does so again: until then it is not known whether all is well with it."""
        silent = self.afar.silent
        if silent and (self.phase == "unanswered" or self.server.state in ("RUNNING", "UNKNOWN")):
            self.account.become("UNKNOWN", f"{silent} does not answer")
        elif not silent and self.phase == "up" and self.server.state == "UNKNOWN":
            self.account.become("RUNNING")
        self.account.write()

    def _cancel(self) -> None:
        if self._attempt:
            self._attempt.cancel()
            self._attempt = None
        if self._wait:
            self._wait.cancel()
            self._wait = None

    def _become(self, phase: str, state: str, message: str = "") -> None:
        self.phase = phase
        self.account.become(state, message)

    # -- asked for by its vitals -----------------------------------------------------------------

    def end_process(self, steps: Sequence[str], done: Callable[[list[int]], None]) -> None:
        """End it by these steps; we go on following it, and learn from its pidfd how it ended."""
        descendants.remember(self.watcher, self.server)
        who = [(self.server.pid, self.server.ticks)]
        self.ending = Ending(self.watcher.loop, who, steps, done, reap=False)

    def look_now(self) -> None:
        """Something of it has changed: a start that waits for that need not wait for its next look."""
        if self._attempt:
            self._attempt.look_now()
        elif self.phase == "idle":
            self._look_for_one()

    def extend(self, milliseconds: float) -> None:
        """It asks for so much time from now, to start or to end."""
        for waiting in (self._attempt, self.ending):
            if waiting:
                waiting.extend(milliseconds)

    def say_stuck(self, pid: int) -> None:
        """A signal did not end it: a person should know."""
        self.watcher.say(self.server, f"pid {pid} could not be ended: stuck in the kernel, or not ours to signal")

    # -- orders ----------------------------------------------------------------------------------

    def leave(self, state: str, message: str) -> None:
        """The shell has decided to leave it alone."""
        if self.watcher.held:
            self.watcher.held.left(self.server, state)
        self._untold = ""
        self._cancel()
        self._become("idle", state, message)
        self.account.write()

    def stop(self) -> None:
        """End it and what it started; then tell `stopped PID`, PID 0 if nothing ran.  A stop under way goes on."""
        if self.phase == "stopping":
            return
        self._untold = ""
        self._cancel()
        pid = self.server.pid
        who = [(pid, self.server.ticks)] if pid else []
        self._become("stopping", "STOPPING")
        self.account.write()
        steps = self.health.farewell() if pid else self.server.stop
        if pid:
            descendants.remember(self.watcher, self.server)
        self.unfollow()
        self.health.reason()
        self.ending = Ending(self.watcher.loop, who, steps, lambda stuck: self._end_rest(pid, stuck))

    def _end_rest(self, pid: int, stuck: list[int]) -> None:
        if stuck:
            self.say_stuck(pid)
        emit = self.watcher.emit
        end_leftovers(self.watcher, self.server, self.account.dead, lambda: emit("stopped", self.server, str(pid)))

    def set_want(self, want: str) -> None:
        """What the operator wants of it, up, down or paused."""
        resumed = self.account.want == "paused" and want != "paused"
        self.account.set_want(want)
        if want == "paused":
            self._cancel()
            self.health.end()
            self._become("up" if self.server.pid else "idle", "PAUSED")
        elif resumed and self.server.pid:
            self._become("up", "RUNNING")
            self.health.resume()
        self.account.write()

    def signal(self, name: str) -> str:
        """Send it a signal, by its pidfd; what to answer, `0` or `STATUS TEXT`."""
        import signal

        if not self.server.pid:
            return "7 it does not run"
        try:
            signal.pidfd_send_signal(self.server.pidfd, getattr(signal, f"SIG{name}"))
        except (OSError, AttributeError) as error:
            return f"1 {getattr(error, 'strerror', None) or 'no such signal'}"
        return "0"

    # -- every interval --------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at the evidence again; a lost event costs one interval at worst."""
        if self.phase == "up":
            self._look_at_living()
        elif self.phase == "idle":
            self._look_for_one()
            self.afar.look()
        elif self.phase == "unanswered":
            self.afar.ask_again(lambda: self._begin(time.monotonic()))
        self._tell_again()
        self.account.catch_up()

    def _look_for_one(self) -> None:
        """Did somebody start it by hand?"""
        process, source, remarks = evidence.named(self.server, self.watcher.directories)
        if not process or not self.adopt(process, source):
            self.account.say_all("evidence", remarks)

    def _look_at_living(self) -> None:
        server = self.server
        fields = server.is_seen()
        if fields is None:
            return  # dead: its pidfd tells
        self._look_at_state(fields[0])
        process, source, remarks = evidence.named(server, self.watcher.directories, server.is_confirmed() is False)
        self.account.say_all("evidence", remarks)
        if process and not server.is_confirmed() and self._is_confirmed_or_moved(process, source):
            return
        self.afar.look()
        self._remember_kids()
        self.health.tick()

    def _is_confirmed_or_moved(self, process: identity.Process, source: str) -> bool:
        """A pidfile or log names it at last; True: it is another one, which descends from what we launched."""
        server = self.server
        if process.pid == server.pid:
            server.source = source
            self.account.write()
            return False
        its = Descent.of(server)
        descends = descendants.belongs(self.watcher, process.pid, server.pid, server.ticks, its)
        return descends and self.adopt(process, source, "moved", server.sid)

    def _look_at_state(self, state: str) -> None:
        """A stopped one is alive; every process is in state D now and then, one that stays so is stuck (proc(5))."""
        stuck, self._was_waiting = self._was_waiting and state == "D", state == "D"
        oddity = ""
        if state in "Tt":
            oddity = "stopped by a signal (state T)"
        elif stuck:
            oddity = "stuck in the kernel (state D)"
        self.account.say_all("state", [f"pid {self.server.pid} is {oddity}"] if oddity else [])
        self.health.remark(self, oddity)

    def _remember_kids(self) -> None:
        """An adopted server's descendants: after its death nothing else may lead to them."""
        if self.server.mode == "adopted":
            descendants.remember(self.watcher, self.server)

    def _know_owner(self) -> None:
        """It may have become another user since it was launched."""
        self.server.owner = identity.real_uid(self.server.pid)
