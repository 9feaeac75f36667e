"""One server's life as the watcher lives it: found or started, followed to its death, told of.

    idle ──start──▶ waiting ──▶ starting ──▶ up ──death──▶ idle
      └──────────── found alive (adopted) ───▲

What to do about a death is not decided here: it is told, and the shell orders.
"""

from __future__ import annotations

import os
import time

import cause
import evidence
import identity
import record
from starting import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop import Timer
    from server import Server
    from watcher import Watcher

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
WERE_WANTED = ("RUNNING", "STARTING", "BACKOFF")


def boot_seconds() -> float:
    """Seconds since boot, sleep of the machine included: the clock of start ticks."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Dead:
    """What is remembered of the last process: its pid and start ticks, and what leads to those it left behind.

    sid: its session, if that was its own, else 0; kids: its children, pid -> start ticks; adopted: they were
    not our descendants.
    """

    __slots__ = ("adopted", "kids", "pid", "sid", "ticks")

    def __init__(self, server: Server) -> None:
        self.pid, self.ticks, self.sid = server.pid, server.ticks, server.sid
        self.kids = server.kids
        self.adopted = server.mode == "adopted"


class Life:
    """Follows one server.  phase: idle waiting starting up; directory: where its record is."""

    __slots__ = ("_attempt _dead _died_at _said _surely_absent _unwritten _wait directory phase server watcher").split()

    def __init__(self, server: Server, watcher: Watcher, directory: str) -> None:
        self.server = server
        self.watcher = watcher
        self.directory = directory
        self.phase = "idle"
        self._said: dict[str, set[str]] = {}
        self._unwritten = False
        self._surely_absent = False  # no copy of it can run: it was looked for, or we saw ours die
        self._died_at = 0.0
        self._dead = Dead(server)
        self._attempt: Start | None = None
        self._wait: Timer | None = None

    def age(self) -> float:
        """Seconds that the living process has lived."""
        return boot_seconds() - self.server.ticks / TICKS_PER_SECOND

    # -- found -----------------------------------------------------------------------------------

    def first_look(self) -> None:
        """Take over what runs, by record, pidfile or log; else have the process table searched."""
        known = self._recall()
        process = evidence.recorded(known, self.watcher.boot)
        source = known.get("source") or "own"
        if not process:
            process, source, remarks = evidence.named(self.server, self.watcher.directories)
            self.say_all("evidence", remarks)
        elif known["state"] == "STARTING":
            self._resume(process, source)
            return
        if not process or not self.adopt(process, source):
            self.watcher.want_scan(self, lambda: self._first_absence(known))
        elif known.get("pid") == str(process.pid):
            self.server.sid = int(known["sid"] or 0)  # made by the launch of an earlier watcher

    def _resume(self, process: identity.Process, source: str) -> None:
        """Its watcher died while it started: see that to its end."""
        if self.follow(process, source, "launched"):
            self.phase, self.server.state = "starting", "STARTING"
            self._attempt = Start(self, self._dead, time.monotonic())
            self._attempt.resume()
        else:
            self.watcher.emit("absent", self.server, "-")

    def _recall(self) -> dict[str, str]:
        try:
            known = record.read(self.directory)
        except record.Torn as torn:
            self.watcher.say(self.server, str(torn))
            return {}
        if known:
            self.server.restarts = int(known["restarts"] or 0)
            self.server.memory = known["memory"] or "-"
            self.server.last_exit = known["last_exit"]
            self.watcher.emit("recall", self.server, f"{self.server.restarts} {self.server.memory}")
        return known

    def _first_absence(self, known: dict[str, str]) -> None:
        """Nothing of it runs: a death while nobody watched, a start cut short, or simply not started yet."""
        self._surely_absent = True
        was_up = known.get("boot") == self.watcher.boot and known["state"] in WERE_WANTED and known["pid"]
        if not was_up:
            self.watcher.emit("absent", self.server, known.get("state") or "-")
            return
        incident = f"{self.server.name}-{known['pid']}-{known['ticks']}"
        told = known["starting"] or self.watcher.history_tells(incident)
        up_for = boot_seconds() - int(known["ticks"]) / TICKS_PER_SECOND
        rest = f"{known['pid']} {up_for:.0f} {incident} {cause.UNKNOWN}"
        self.watcher.emit("unfinished" if told else "down", self.server, rest)

    def adopt(self, process: identity.Process, source: str, word: str = "adopted") -> bool:
        """Follow a process that we did not start; word: moved, if it took the place of the one we followed.

        False: it has ended by now.
        """
        if not self.follow(process, source, "adopted"):
            return False
        self._cancel()
        self.phase = "up"
        self.server.state, self.server.message = "RUNNING", ""
        self._remember_kids()
        self.write_record()
        self.watcher.emit("up", self.server, f"{process.pid} {word} {source} 0")
        return True

    def follow(self, process: identity.Process, source: str, mode: str) -> bool:
        """Take it for the server, and wait on its pidfd from now on.  False: it has ended by now."""
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return False
        if identity.ticks_of(process.pid) != process.ticks:
            os.close(pidfd)
            return False
        self.unfollow()
        self.server.is_now(process, source, mode)
        self.server.pidfd = pidfd
        self.watcher.followed[process.pid] = self
        self.watcher.loop.on_readable(pidfd, self._gone)
        return True

    def unfollow(self) -> None:
        """Forget the followed process; remember of it what a successor's start must know."""
        server = self.server
        if server.pid:
            self._dead = Dead(server)
            self.watcher.loop.forget(server.pidfd)
            del self.watcher.followed[server.pid]
            server.pid = server.ticks = 0
            server.pidfd = -1

    # -- death -----------------------------------------------------------------------------------

    def _gone(self) -> None:
        server = self.server
        self._died_at = time.monotonic()
        incident, up_for = server.incident(), self.age()
        why = self._why()
        self.unfollow()
        if self._attempt:
            self._attempt.ended(why)
            return
        self.phase = "idle"
        server.last_exit = why
        process, source, _ = evidence.named(server, self.watcher.directories)
        if process and self.adopt(process, source, "moved"):
            return
        # One that we did not start and that died young may have been a second copy beside the true server
        self._surely_absent = server.mode == "launched" or up_for * 1000 > server.timeout_ms
        self.watcher.emit("down", server, f"{self._dead.pid} {up_for:.0f} {incident} {why}")

    def _why(self) -> str:
        pid = self.server.pid
        why = cause.of_child(pid) or cause.of_other(pid, self.server.ticks, self.server.pidfd)
        if why == "signal KILL" and self.watcher.oom_struck() and cause.killed_by_oom(pid):
            return why + " (oom)"
        return why

    # -- start -----------------------------------------------------------------------------------

    def start(self, wait_ms: int) -> None:
        """Start it after the wait, unless it turns out to run."""
        self._cancel()
        if wait_ms:
            self.phase, self.server.state = "waiting", "BACKOFF"
            self.write_record()
            self._wait = self.watcher.loop.after(wait_ms, lambda: self._begin(time.monotonic()))
        else:
            self._begin(self._died_at or time.monotonic())

    def _begin(self, since: float) -> None:
        self.phase, self.server.state, self.server.message = "starting", "STARTING", ""
        search, self._surely_absent, self._died_at = not self._surely_absent, False, 0.0
        self._attempt = Start(self, self._dead, since)
        self._attempt.begin(search)

    def started(self, took_ms: float) -> None:
        """The attempt has succeeded; took_ms: from the death or the order until it was known to run."""
        self._cancel()
        server = self.server
        self.phase, server.state = "up", "RUNNING"
        self.write_record()
        self.watcher.emit("up", server, f"{server.pid} launched {server.source} {took_ms:.0f}")
        self.watcher.tidy_soon(self)

    def start_failed(self, status: int, text: str, why: str = "") -> None:
        """The attempt has failed: status of the LSB, and the reason; why: how the process ended, if one did."""
        self._cancel()
        self.phase = "idle"
        self.server.last_exit = why or self.server.last_exit
        self.server.message = text
        self.watcher.emit("failed", self.server, f"{status} {text}")

    def _cancel(self) -> None:
        if self._attempt:
            self._attempt.cancel()
            self._attempt = None
        if self._wait:
            self._wait.cancel()
            self._wait = None

    def leave(self, state: str, message: str) -> None:
        """The shell has decided to leave it alone."""
        self._cancel()
        self.phase = "idle"
        self.server.state, self.server.message = state, message
        self.write_record()

    # -- every interval --------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at the evidence again; a lost event costs one interval at worst."""
        if self.phase == "up":
            self._look_at_living()
        elif self.phase == "idle":
            process, source, _ = evidence.named(self.server, self.watcher.directories)
            if process:
                self.adopt(process, source)  # somebody started it by hand
        if self._unwritten:
            self.write_record()

    def _look_at_living(self) -> None:
        server = self.server
        fields = identity.stat_fields(server.pid)
        if fields is None or int(fields[19]) != server.ticks:
            return  # dead: its pidfd tells
        stopped = [f"pid {server.pid} is stopped by a signal (state T)"] if fields[0] in "Tt" else []
        server.message = "stopped by a signal (state T)" if stopped else ""
        self.say_all("state", stopped)
        self.say_all("evidence", evidence.named(server, self.watcher.directories, logs_too=False)[2])
        self._remember_kids()

    def _remember_kids(self) -> None:
        """An adopted server's children: after its death nothing else leads to them."""
        server = self.server
        if server.mode == "adopted":
            known = server.kids
            server.kids = {pid: known.get(pid) or identity.ticks_of(pid) for pid in identity.children(server.pid)}

    def say_all(self, topic: str, remarks: list[str]) -> None:
        """Each remark once, for as long as it stands; what a topic no longer says is forgotten."""
        for text in remarks:
            if text not in self._said.get(topic, ()):
                self.watcher.say(self.server, text)
        self._said[topic] = set(remarks)

    # -- record ----------------------------------------------------------------------------------

    def mark_starting(self) -> None:
        """The intent is on disk before anything is moved or started."""
        try:
            record.write(self.directory, dict(self._fields(), starting="yes"))
        except OSError as error:
            self._say_unwritten(error)

    def write_record(self) -> None:
        """Write down who it is; a disk that refuses is said, and asked again every interval."""
        try:
            record.write(self.directory, self._fields())
            self._unwritten = False
        except OSError as error:
            self._say_unwritten(error)

    def _say_unwritten(self, error: OSError) -> None:
        if not self._unwritten:
            self.watcher.say(self.server, f"{self.directory}/record not written: {error.strerror}; will be tried again")
        self._unwritten = True

    def _fields(self) -> dict[str, str]:
        server = self.server
        fields = {
            "name": server.name,
            "state": server.state,
            "restarts": str(server.restarts),
            "memory": server.memory,
            "last_exit": server.last_exit,
            "message": server.message,
            "port": str(server.port or ""),
            "boot": self.watcher.boot,
        }
        pid, ticks = (server.pid, server.ticks) if server.pid else (self._dead.pid, self._dead.ticks)
        if pid:
            started = time.time() - boot_seconds() + ticks / TICKS_PER_SECOND
            fields.update(pid=str(pid), ticks=str(ticks), sid=str(server.sid), exe=server.program, cwd=server.directory)
            fields.update(started=f"{started:.3f}", source=server.source, mode=server.mode)
        return fields
