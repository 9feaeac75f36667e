"""Keep a monitor in the foreground, as process 1 of a container or as any process: what `run` does.

                     signals ─┐          ┌─▶ monitor.sh NAME... ──▶ alive.py watch ──▶ servers
    stdout, stderr ◀─ run_print.py ◀── run.py
                                         └─▶ run_stop.py, at the end

This process reaps every process that the kernel gives to it: it is process 1, or a child subreaper.  It starts the
monitor again when that dies; the servers live on meanwhile.  It never waits for a reader of its standard output.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from base.exits import FAILED, GOOD, NOT_CONFIGURED, NOT_INSTALLED
from base.suite import PROGRAMS
from loop.loop import Loop
from operate.foreground_link import Link, say_to
from proc import cause, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Timer
    from operate.run_words import Asked

HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
MOST_MARGIN = 1.0  # seconds before the end of the grace, for what is printed last and for our own end
END_OF_MONITOR = 1.0  # seconds: it has only to close its pipes
LONGEST_WAIT_MS = 5000  # before the next monitor, if several fail in a row
FOR_PRINTER_MS = 5000  # to begin
ALERTS_SECONDS = 8.0  # for the alert about the server that we end for; recovery_quiet holds some back for 5 s
LOOK_MS = 50
AGAIN_MS = 1000
FOR_ALERT_MS = 300  # until it is in the spool
SAME_SECONDS = 0.3  # timeout(1) and others send one TERM to us and one to our process group
HURRIED_SECONDS = 5.0
PGRP = 2  # place in identity.stat_fields()


class Foreground:
    """One `run`.

    place: ROOT CONF_DIR STATE_DIR CWD.  shell: the words that execute monitor.sh.  prints: lines, plain, or "" if the
    monitor has our standard output and nothing of servers is printed.
    """

    def __init__(self, place: list[str], shell: list[str], asked: Asked, prints: str) -> None:
        self.loop = Loop()
        self.loop.fault = lambda _, error: self.say(f"run: {type(error).__name__}: {error}")
        self._place = place
        self._shell = shell
        self._asked = asked
        self._prints = prints
        self._link = Link(self.loop, self._heard, self._told, bool(prints))
        self._children: dict[int, Callable[[int], None]] = {}
        self._monitor = self._printer = self._stopper = 0
        self._group = 0  # the process group of the monitor
        self._printer_began = 0.0
        self._has_begun = self._is_ready = False
        self._failures = self._starts = 0
        self._status = GOOD
        self._is_stopping = False
        self._told_at = 0.0  # monotonic seconds: when the end began
        self._settled = ""
        self._last: Timer | None = None

    def run(self) -> int:
        """Until a signal, or the server of --exit-on, ends it; return the exit status."""
        self._link.listen(HEARD)
        if self._prints:
            self._start_printer()
            self.loop.after(FOR_PRINTER_MS, self._start_first)
        else:
            self._start_monitor()
        self.loop.run()
        return self._status

    def say(self, text: str) -> None:
        """Print a message on standard error, or drop it if no one reads there."""
        say_to(self._link.errors, text)

    # -- signals ---------------------------------------------------------------------------------

    def _heard(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number in (signal.SIGTERM, signal.SIGINT):
            if not self._is_stopping:
                self._stop(self._status)
            elif time.monotonic() > self._told_at + SAME_SECONDS:
                self._hurry()
        elif not self._is_stopping:
            program = "update.py" if number == signal.SIGHUP else "status.py"
            self._execute(program, self._place, lambda status: None)

    def _reap(self) -> None:
        """Reap every process that has ended, not only those of servers."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            ended = self._children.pop(pid, None)
            if ended:
                ended(status)

    def _execute(
        self, program: str, words: list[str], ended: Callable[[int], None], fds: dict[int, int] | None = None
    ) -> int:
        """Start a program of ours; by default it prints on standard error."""
        argv = [sys.executable, "-E", "-s", f"{PROGRAMS}/{program}", *words]
        fds = fds or {1: self._link.monitor[1], 2: self._link.monitor[1]}
        return self._spawn(argv, fds, ended)

    def _spawn(self, argv: list[str], fds: dict[int, int], ended: Callable[[int], None]) -> int:
        """Start a program with these descriptors, in a process group of its own: Ctrl-C is for us alone."""
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, source, target) for target, source in fds.items()]  # type: ignore[misc]
        pid = os.posix_spawn(
            argv[0], argv, os.environ, file_actions=actions, setpgroup=0, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ)
        )
        self._children[pid] = ended
        return pid

    # -- the printer -----------------------------------------------------------------------------

    def _start_printer(self) -> None:
        words = [self._place[2], self._prints]
        self._printer_began = time.monotonic()
        try:
            self._printer = self._execute("run_print.py", words, self._printer_ended, self._link.of_printer())
        except OSError:  # no process is left
            self.loop.after(AGAIN_MS, self._start_printer)

    def _printer_ended(self, status: int) -> None:
        self._printer = 0
        if self._is_stopping and not self._stopper:
            self.loop.ended = True
            return
        is_sound = time.monotonic() > self._printer_began + AGAIN_MS / 1000
        self.loop.after(0 if is_sound else AGAIN_MS, self._start_printer)
        self.say(f"run: what prints the lines of servers ended ({cause.of_status(status)}); lines may be missing here")

    # -- the monitor -----------------------------------------------------------------------------

    def _start_first(self) -> None:
        """The printer misses nothing from now on, or is late."""
        if not self._starts:
            self._start_monitor()

    def _start_monitor(self) -> None:
        if self._monitor or self._is_stopping:
            return
        self._is_ready = False
        self._starts += 1
        if self._has_begun:
            os.environ["MONITOR_GUARDED"] = "yes"
        root, conf_dir, state_dir, _ = self._place
        words = ["-c", conf_dir, "-s", state_dir, "-r", self._asked.exit_on or "-", *self._asked.names]
        argv = [*self._shell, f"{root}/monitor.sh", *words]
        try:
            self._monitor = self._group = self._spawn(argv, self._link.of_monitor(), self._monitor_ended)
        except OSError as error:
            self.say(f"run: no process for the monitor: {error.strerror}; tried again")
            self._start_monitor_later()

    def _monitor_ended(self, status: int) -> None:
        pid, self._monitor = self._monitor, 0
        if self._is_stopping:
            return
        code = os.waitstatus_to_exitcode(status)
        is_hopeless = code in (NOT_INSTALLED, NOT_CONFIGURED) and self._starts == 1  # no server can start
        if code > 0 and not self._has_begun:  # it has said why; no server was started
            self._is_stopping, self._status = True, code
            self._stopped(GOOD)
            return
        if code == GOOD or is_hopeless:
            self._stop(code)
            return
        how = cause.of_status(status)
        self.say(f"run: the monitor (pid {pid}) ended ({how}); starting another; servers live on")
        self._start_monitor_later()

    def _start_monitor_later(self) -> None:
        """At once, unless several fail in a row."""
        self._failures = 0 if self._is_ready else self._failures + 1
        wait = min(1000 * (2**self._failures - 1), LONGEST_WAIT_MS) if self._failures < 5 else LONGEST_WAIT_MS
        self.loop.after(wait, self._start_monitor)

    def _told(self, line: str) -> None:
        """A line of the monitor or of the printer: `ready`, `printing`, `end STATUS`."""
        word, _, rest = line.partition(" ")
        if word == "printing":
            self._start_first()
        elif word == "ready":
            self._has_begun = self._is_ready = True
        elif word == "end" and not self._is_stopping:
            self._end_for(rest)

    def _end_for(self, how: str) -> None:
        """End for a server that has ended so; its alert is sent before, if that does not take long."""
        from operate.ended_for import status_of

        self._status = status_of(how)
        limit = time.monotonic() + ALERTS_SECONDS

        def stop_if_sent() -> None:
            if self._is_stopping:
                return
            if self._has_alerts() and time.monotonic() < limit:
                self.loop.after(LOOK_MS, stop_if_sent)
            else:
                self._stop(self._status)

        self.loop.after(FOR_ALERT_MS, stop_if_sent)

    def _has_alerts(self) -> bool:
        try:
            return any(name.endswith(".json") for name in os.listdir(f"{self._place[2]}/alerts/new"))
        except OSError:
            return False

    # -- the end ---------------------------------------------------------------------------------

    def _stop(self, status: int) -> None:
        """Stop the servers within the grace, and end with this status."""
        self._is_stopping = True
        self._status = status
        self._told_at = time.monotonic()
        grace = self._asked.grace
        self._settled = self._open_settled()
        self._end_monitor()
        self._start_stopper(self._told_at + grace - min(MOST_MARGIN, grace / 5))
        self._last = self.loop.after(1000 * grace, self._end)

    def _open_settled(self) -> str:
        """The settled conf of the monitor, which removes it at its end; "" if we do not find it."""
        try:
            fd = os.open(f"{self._place[2]}/monitors/{self._monitor}/settled", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return ""
        return f"/proc/{os.getpid()}/fd/{fd}"

    def _end_monitor(self) -> None:
        monitor = self._monitor
        if not monitor:
            return
        os.kill(monitor, signal.SIGTERM)  # safe: no other process gets the pid before we reap it
        self.loop.after(1000 * min(END_OF_MONITOR, self._asked.grace / 5), self._kill_rest)

    def _kill_rest(self) -> None:
        """Kill the shell, or its helper, which is our child by then, if they hang."""
        for pid in identity.children(os.getpid()):
            fields = identity.stat_fields(pid)
            if fields and int(fields[PGRP]) == self._group:
                os.kill(pid, signal.SIGKILL)

    def _start_stopper(self, until: float) -> None:
        words = [*self._place, self._settled, str(until), *self._asked.names]
        try:
            self._stopper = self._execute("run_stop.py", words, self._stopped)
        except OSError:  # no process is left
            self.loop.after(LOOK_MS, lambda: self._start_stopper(until))

    def _stopped(self, status: int) -> None:
        """The servers are stopped: print what is left, and end."""
        self._stopper = 0
        if status and self._status == GOOD:
            self._status = FAILED
        if not self._printer:
            self.loop.ended = True
            return
        self._link.end_printer()
        if not self._last:
            self._last = self.loop.after(1000 * MOST_MARGIN, self._end)

    def _hurry(self) -> None:
        """A second TERM: kill what is left."""
        if not self._stopper:
            return
        self.say("run: told again to end: what is left is killed")
        self._children[self._stopper] = lambda status: None
        os.killpg(self._stopper, signal.SIGKILL)
        self._kill_rest()
        self._start_stopper(time.monotonic())
        if self._last:
            self._last.cancel()
        self._last = self.loop.after(1000 * HURRIED_SECONDS, self._end)

    def _end(self) -> None:
        """The grace is over."""
        if self._stopper:
            self._status = self._status or FAILED
            os.killpg(self._stopper, signal.SIGKILL)
        if self._printer:
            os.kill(self._printer, signal.SIGKILL)
        self.loop.ended = True
