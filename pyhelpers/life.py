"""One server's life as the watcher lives it: found, started, followed to its death.

    idle ──start──▶ waiting ──▶ clearing ──▶ starting ──▶ up ──death──▶ idle
      └──────────────── found alive (adopted) ─────────────▲

What to do about a death is not decided here: it is told, and the shell orders.
"""

from __future__ import annotations

import os
import time

import cause
import daeml
import evidence
import globs
import identity
import ports
import record
import rotate
import scan
from ending import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from server import Server
    from watcher import Watcher

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
LONGEST_PAUSE_MS = 200
NOT_INSTALLED, NOT_CONFIGURED, FAILED = 5, 6, 1  # exit statuses of the LSB


def boot_seconds() -> float:
    """Seconds since boot, sleep of the machine included: the clock of start ticks."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Life:
    """Follows one server.  phase: idle waiting clearing starting up."""

    def __init__(self, server: Server, watcher: Watcher) -> None:
        self.server = server
        self.watcher = watcher
        self.phase = "idle"
        self.directory = ""
        self.said: set[str] = set()
        self.unwritten = False
        self.proven_absent = False  # nothing of it ran at the last thorough look
        self._since = time.monotonic()  # the death, or the order, that the present start answers
        self._dead: tuple[int, list[tuple[int, int]]] = (0, [])  # session and children of the last one
        self._last = (0, 0)  # pid and start ticks of it
        self._identified = False
        self._pause = 1.0
        self._deadline = watcher.loop.after(0, lambda: None)
        self._oom_kills = 0

    # -- found ---------------------------------------------------------------------------------

    def first_look(self) -> None:
        """Take over what runs, by record, pidfile or log; else ask for a scan, which calls found() or absent()."""
        known, starting = self._recall()
        process = evidence.recorded(known, self.watcher.boot)
        if process:
            self.adopt(process, known["source"] or "own")
            return
        process, source, remarks = evidence.named(self.server, self.watcher.directories)
        self._say_all(remarks)
        if process:
            self.adopt(process, source)
        else:
            self.watcher.want_scan(self, lambda: self._first_absence(known, starting))

    def _recall(self) -> tuple[dict[str, str], bool]:
        try:
            known, starting = record.read(self.directory)
        except record.Torn as torn:
            self.watcher.say(self.server, str(torn))
            return {}, False
        server = self.server
        if known:
            server.restarts = int(known["restarts"] or 0)
            server.memory = known["memory"] or "-"
            server.last_exit = known["last_exit"]
            self.watcher.emit("recall", server, f"{server.restarts} {server.memory}")
        return known, starting

    def _first_absence(self, known: dict[str, str], starting: bool) -> None:
        """Nothing of it runs: a death while nobody watched, a start cut short, or simply not started yet."""
        self.proven_absent = True
        was_up = known.get("boot") == self.watcher.boot and known["state"] in ("RUNNING", "STARTING", "BACKOFF")
        if not was_up or not known["pid"]:
            self.watcher.emit("absent", self.server, known.get("state") or "-")
            return
        incident = f"{self.server.name}-{known['pid']}-{known['ticks']}"
        word = "unfinished" if starting or self.watcher.history_tells(incident) else "down"
        up_for = boot_seconds() - int(known["ticks"]) / TICKS_PER_SECOND
        self.watcher.emit(word, self.server, f"{known['pid']} {up_for:.0f} {incident} {cause.UNKNOWN}")

    def adopt(self, process: identity.Process, source: str, word: str = "adopted") -> None:
        """Follow a process that we did not start, or that another one of the server's put in its place."""
        if not self._follow(process, source, "adopted"):
            self.watcher.want_scan(self, lambda: self.watcher.emit("absent", self.server, "-"))
            return
        self.phase = "up"
        self.server.state, self.server.message = "RUNNING", ""
        self._remember_kids()
        self.write_record()
        self.watcher.emit("up", self.server, f"{process.pid} {word} {source} 0")

    def found(self, process: identity.Process) -> None:
        """The scan found it."""
        self.adopt(process, "scan")

    def _follow(self, process: identity.Process, source: str, mode: str) -> bool:
        """Wait on its pidfd from now on.  False: it is gone already."""
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return False
        if identity.ticks_of(process.pid) != process.ticks:
            os.close(pidfd)
            return False
        server = self.server
        self._unfollow()
        server.is_now(process, source, mode)
        server.pidfd = pidfd
        self.watcher.followed[process.pid] = self
        self.watcher.loop.on_readable(pidfd, self._gone)
        return True

    def _unfollow(self) -> None:
        server = self.server
        if server.pid:
            self.watcher.loop.forget(server.pidfd)
            self.watcher.followed.pop(server.pid, None)
            server.pid = server.ticks = 0
            server.pidfd = -1

    # -- death ---------------------------------------------------------------------------------

    def _gone(self) -> None:
        server = self.server
        pid, ticks, incident = server.pid, server.ticks, server.incident()
        why = self._why(pid, ticks)
        self._since = time.monotonic()
        self._dead = (server.sid, list(server.kids.items()))
        self._last = (pid, ticks)
        self._unfollow()
        if self.phase == "starting":
            self._start_ended(why)
            return
        self.phase = "idle"
        server.last_exit = why
        process, source, _ = evidence.named(server, self.watcher.directories)
        if process:
            self.adopt(process, source, "moved")
            return
        up_for = boot_seconds() - ticks / TICKS_PER_SECOND
        # One that we did not start and that died young may have been a second copy beside the true server
        self.proven_absent = server.mode == "launched" or up_for * 1000 > server.timeout_ms
        self.watcher.emit("down", server, f"{pid} {up_for:.0f} {incident} {why}")

    def _why(self, pid: int, ticks: int) -> str:
        why = cause.of_child(pid) or cause.of_other(pid, ticks, self.server.pidfd)
        if why == "signal KILL" and self.watcher.oom_struck() and cause.killed_by_oom(pid):
            return why + " (oom)"
        return why

    # -- start ---------------------------------------------------------------------------------

    def start(self, wait_ms: int) -> None:
        """Start it after the wait, unless it turns out to run."""
        self._cancel()
        if wait_ms:
            self.phase = "waiting"
            self.server.state = "BACKOFF"
            self.write_record()
            self.server.timer = self.watcher.loop.after(wait_ms, self._start_afresh)
        elif self.proven_absent:
            self._clear_way()
        else:
            self._start_afresh()

    def _start_afresh(self) -> None:
        self._since = time.monotonic()
        self.phase = "clearing"
        self.watcher.want_scan(self, self._clear_way)

    def _cancel(self) -> None:
        self._deadline.cancel()
        if self.server.timer:
            self.server.timer.cancel()
            self.server.timer = None

    def _clear_way(self) -> None:
        """End what the dead one left behind: it would hold the port against its successor."""
        self.phase = "clearing"
        left = self._leftovers()
        if left:
            Ending(self.watcher.loop, left, self.server.stop, lambda stuck: self._check_port())
        else:
            self._check_port()

    def _leftovers(self) -> list[tuple[int, int]]:
        sid, kids = self._dead
        self._dead = (0, [])
        if not self.server.stop_tree:
            return []
        left = [(pid, ticks) for pid, ticks in kids if identity.ticks_of(pid) == ticks]
        if sid:
            left += [(orphan.pid, orphan.ticks) for orphan in self.watcher.orphans() if orphan.sid == sid]
        return left

    def _check_port(self) -> None:
        port = self.server.port
        if port and ports.listening(port):
            home = self.watcher.psutil_home
            self.watcher.loop.errand(lambda: scan.holder(port, home), self._port_held)
        else:
            self._launch()

    def _port_held(self, holder: str) -> None:
        server = self.server
        pid, _, name = holder.partition(" ")
        process = identity.look(int(pid)) if pid else None
        if process and not evidence.objection_to(process, server, self.watcher.directories):
            self.adopt(process, "scan")
        elif ports.listening(server.port):
            whose = f"pid {pid} ({name})" if pid else "a process that may not be examined"
            self._fail(FAILED, f"port {server.port} is held by {whose}; end it, or set another port")
        else:
            self._launch()

    def _launch(self) -> None:
        server = self.server
        self._mark_starting()
        try:
            program = self._fit_to_start()
            _, remarks = rotate.move_logs(server.directory, server.logs, server.oldlog)
            pid = daeml.spawn(server.launch, program)
        except daeml.LaunchError as failure:
            self._fail(NOT_CONFIGURED if failure.status == NOT_CONFIGURED else NOT_INSTALLED, failure.reason)
            return
        finally:
            os.chdir("/")  # hold no server's file system
        server.program = program
        self._launched(pid)
        self._say_all(remarks)

    def _fit_to_start(self) -> str:
        """The program's path.  Raises LaunchError: what is missing, and what to do."""
        server = self.server
        settings = f"conf/servers/{server.name.partition('@')[0]}.conf"
        if not os.path.isdir(server.directory):
            raise daeml.LaunchError(NOT_CONFIGURED, f"{server.directory} is not a directory; set dir in {settings}")
        if server.needs_file and not globs.names(server.directory, server.needs_file):
            wanted = " ".join(server.needs_file)
            raise daeml.LaunchError(
                NOT_CONFIGURED, f"No config file found: {wanted} in {server.directory}; put it there, or set needs_file in {settings}"
            )
        try:
            return server.launch.program()
        except daeml.LaunchError as failure:
            raise daeml.LaunchError(failure.status, f"no command: {failure.reason}; set dir or command in {settings}") from None

    def _mark_starting(self) -> None:
        try:
            record.mark_starting(self.directory, self._fields())
        except OSError as error:
            self.watcher.say(self.server, f"{self.directory}/record: {error.strerror}; starting all the same")

    def _launched(self, pid: int) -> None:
        server = self.server
        self.phase, server.state, server.message = "starting", "STARTING", ""
        self._identified, self._pause, self.proven_absent = False, 1.0, False
        process = identity.look(pid)
        if process is None or not self._follow(process, "own", "launched"):
            self._start_ended(cause.of_child(pid) or cause.UNKNOWN)
            return
        self.write_record()
        self._deadline = self.watcher.loop.after(server.timeout_ms, self._timed_out)
        self._look_again()

    def _start_ended(self, why: str) -> None:
        """What we launched has ended: did it fork into the background, or fail?"""
        if why == "exit 0":
            process, source, _ = evidence.named(self.server, self.watcher.directories)
            process = process or self._descendant()
            if process and self._follow(process, source or "own", "launched"):
                self._identified = True
                self.write_record()
                self._look_again()
                return
            if any(True for _ in self.watcher.orphans()):
                return  # something of it still works at it: the pidfile will tell, or the timeout
        self.server.last_exit = why
        self._dead = (self.server.sid, [])
        self._fail(FAILED, f"it ended while it started ({why})")

    def _descendant(self) -> identity.Process | None:
        """The daemon that our launched process left behind: orphans of our descendants become our children."""
        fit = [
            orphan
            for orphan in self.watcher.orphans()
            if not evidence.objection_to(orphan, self.server, self.watcher.directories)
        ]
        return min(fit, key=lambda process: process.ticks, default=None)

    def _look_again(self) -> None:
        """Is it identified, and its port open?  Else look again, a little later each time."""
        server = self.server
        if server.timer:
            server.timer.cancel()
        self._identified = self._identified or self._identify()
        if self._identified and (not server.port or ports.listening(server.port)):
            self._deadline.cancel()
            took = (time.monotonic() - self._since) * 1000
            up_for = (boot_seconds() - server.ticks / TICKS_PER_SECOND) * 1000
            server.timer = self.watcher.loop.after(max(0, server.start_ms - up_for), lambda: self._is_up(took))
        else:
            self._pause = min(self._pause * 2, LONGEST_PAUSE_MS)
            server.timer = self.watcher.loop.after(self._pause, self._look_again)

    def _identify(self) -> bool:
        server = self.server
        if server.pid and any(source[0] == "own" for source in server.sources):
            return True
        process, source, remarks = evidence.named(server, self.watcher.directories)
        self._say_all(remarks)
        if not process:
            return False
        if process.pid == server.pid:
            server.source = source
            return True
        return self._follow(process, source, "launched")

    def _is_up(self, took_ms: float) -> None:
        server = self.server
        server.timer = None
        self.phase = "up"
        server.state = "RUNNING"
        self.write_record()
        self.watcher.emit("up", server, f"{server.pid} launched {server.source} {took_ms:.0f}")
        self.watcher.tidy_soon(self)

    def _timed_out(self) -> None:
        server = self.server
        seconds = server.timeout_ms / 1000
        if server.pid and not self._identified:
            self._identified = True  # it lives, whatever its pidfile says
            self.watcher.say(server, f"no pidfile names it after {seconds:g}s; followed as pid {server.pid} all the same")
        if server.pid and server.port and not ports.listening(server.port):
            self._end_and_fail(f"port {server.port} is not open after {seconds:g}s")
        elif not server.pid:
            self._fail(FAILED, f"no process of it after {seconds:g}s; see pid_from and its own log")

    def _end_and_fail(self, text: str) -> None:
        server = self.server
        who, sid = [(server.pid, server.ticks)], server.sid
        self._cancel()
        self._unfollow()
        self._dead = (sid, [])
        Ending(self.watcher.loop, who, server.stop, lambda stuck: self._fail(FAILED, text))

    def _fail(self, status: int, text: str) -> None:
        self._cancel()
        self.phase = "idle"
        self.proven_absent = False
        self.server.message = text
        self.watcher.emit("failed", self.server, f"{status} {text}")

    # -- the quarter minute ----------------------------------------------------------------------

    def tick(self) -> None:
        """Look at the evidence again; a lost event costs one interval at worst."""
        if self.phase == "up":
            self._look_at_living()
        elif self.phase == "idle":
            process, source, _ = evidence.named(self.server, self.watcher.directories)
            if process:
                self.adopt(process, source)  # somebody started it by hand
        if self.unwritten:
            self.write_record()

    def _look_at_living(self) -> None:
        server = self.server
        fields = identity.stat_fields(server.pid)
        if fields is None or int(fields[19]) != server.ticks:
            return  # dead: the pidfd tells
        remarks = [f"pid {server.pid} is stopped by a signal (state T)"] if fields[0] in "Tt" else []
        server.message = "stopped by a signal (state T)" if remarks else ""
        _, _, claims = evidence.named(server, self.watcher.directories, logs_too=False)
        self._say_all(remarks + claims)
        self._remember_kids()

    def _remember_kids(self) -> None:
        """An adopted server's children: after its death nothing else leads to them."""
        server = self.server
        if server.mode == "adopted":
            known = server.kids
            server.kids = {pid: known.get(pid) or identity.ticks_of(pid) for pid in identity.children(server.pid)}

    def _say_all(self, remarks: list[str]) -> None:
        """Each remark once, for as long as it stands."""
        for text in remarks:
            if text not in self.said:
                self.watcher.say(self.server, text)
        self.said = set(remarks)

    # -- record ----------------------------------------------------------------------------------

    def leave(self, state: str, message: str) -> None:
        """The shell has decided to leave it alone."""
        self._cancel()
        self.phase = "idle"
        self.server.state, self.server.message = state, message
        self.write_record()

    def write_record(self) -> None:
        """Write down who it is; a disk that refuses is said, and asked again every interval."""
        try:
            record.write(self.directory, self._fields())
            self.unwritten = False
        except OSError as error:
            if not self.unwritten:
                self.watcher.say(self.server, f"{self.directory}/record not written: {error.strerror}; will be tried again")
            self.unwritten = True

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
        pid, ticks = (server.pid, server.ticks) if server.pid else self._last
        if pid:
            age = boot_seconds() - ticks / TICKS_PER_SECOND
            fields.update(
                pid=str(pid),
                ticks=str(ticks),
                sid=str(server.sid),
                exe=server.program,
                cwd=server.directory,
                started=f"{time.time() - age:.3f}",
                source=server.source,
                mode=server.mode,
            )
        return fields
