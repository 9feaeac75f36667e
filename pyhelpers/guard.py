"""The parent guard: stay as the parent of a program, and restart it until it ends with status 0.

    def serve(argv): ...                                    # a server; its result is the exit status
    sys.exit(guard.start_daemon(sys.argv, serve, is_daemon=True))

When the program ends with exit status 0, the guard ends too.  Any other end, such as a SIGKILL by the OOM killer, is a
crash: the guard counts it, and restarts the program after the interval.  The guard forwards the signals that it
receives to the program; after TERM and INT it ends when the program has ended.

start_daemon() and ProcessInfo have the names and the meaning of those in the C++ framework sylar.  For programs in
other languages use `daeml.py --guard`, see guard_main.py: they find ProcessInfo in their environment, as
GUARD_PARENT_ID, GUARD_RESTART_COUNT …  Other programs read it as text from the info file.

The guard does not poll: sigwaitinfo(2) sleeps until a signal comes or the program, its child, ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from base import files
from base.programs import LaunchError
from proc import cause
from spawn.daemonize import leave_caller
from spawn.guard_signals import ENDING, heard, silence
from spawn.launch import fail, hear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    class Program(Protocol):
        """What to execute: become() writes words to stderr and executes the program.  Raises LaunchError."""

        def become(self, info: ProcessInfo, words: str) -> None: ...  # noqa: D102


class ProcessInfo:
    """The pids and start times (Unix seconds) of guard (parent) and program (main), and the number of restarts."""

    FIELDS = ("parent_id", "main_id", "parent_start_time", "main_start_time", "restart_count")

    __slots__ = FIELDS

    def __init__(self, values: Sequence[int] = (0, 0, 0, 0, 0)) -> None:
        """values: those of FIELDS, in their order."""
        self.parent_id, self.main_id, self.parent_start_time, self.main_start_time, self.restart_count = values

    def __str__(self) -> str:
        shown = (f"{field}={_shown(field, getattr(self, field))}" for field in self.FIELDS)
        return f"[ProcessInfo {' '.join(shown)}]"

    def environment(self) -> dict[str, str]:
        """GUARD_PARENT_ID and so on, for the environment of the program; times in Unix seconds."""
        return {f"GUARD_{field.upper()}": str(getattr(self, field)) for field in self.FIELDS}

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> ProcessInfo:
        """The inverse of environment(); all 0 if there is no guard."""
        return cls([int(environment.get(f"GUARD_{field.upper()}", 0)) for field in cls.FIELDS])


def _shown(field: str, value: int) -> str:
    return _clock(value) if field.endswith("time") else str(value)


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


_process_info: ProcessInfo | None = None


def process_info() -> ProcessInfo:
    """About the guarded process that we are, descend from or guard; all 0 if there is none."""
    return _process_info or ProcessInfo.of_environment(os.environ)


class Guard:
    """One guarded program.

    name: for messages.  program: what to execute; None: keep() returns in the new process instead.
    interval: ms between an end and the next start.  pidfile: gets the program's pid.  info_file: gets str(ProcessInfo).
    always: restart the program after a clean end too, without a message.
    leaves: after TERM or INT the guard ends, and the program keeps running.
    """

    def __init__(
        self,
        name: str,
        program: Program | None,
        interval: int,
        pidfile: str = "",
        info_file: str = "",
        always: bool = False,
        leaves: bool = False,
    ) -> None:
        global _process_info
        self.info = _process_info = ProcessInfo((os.getpid(), 0, int(time.time()), 0, 0))
        self._name = name
        self._program = program
        self._interval = interval
        self._files = {path: form for path, form in ((pidfile, "{0.main_id}\n"), (info_file, "{0}\n")) if path}
        self._last = ""  # how the last run ended
        self._heard = heard()
        self._told_to_end = False
        self._always = always
        self._leaves = leaves

    def keep(self, started: Callable[[int], None] = lambda pid: None) -> int | None:
        """Guard the program until it ends with 0 or we get TERM or INT; return the exit status.

        None: this is the new process of the program.  started: called with the pid when the first start has succeeded.
        Raises LaunchError if the first start fails.
        """
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, self._heard)
        pid = self._start()
        if pid:
            started(pid)
        while pid:
            status = self._wait(pid) if pid > 0 else -pid
            if (status == 0 and not self._always) or self._told_to_end or not self._pause():
                self._remove_files()
                return status
            pid = self._start_again()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._heard)
        return None

    # -- start -----------------------------------------------------------------------------------

    def _start(self) -> int:
        """Fork and execute the program; return its pid, or 0 in the new process.  Raises LaunchError."""
        told, tell = os.pipe()
        self.info.main_start_time = int(time.time())
        try:
            pid = os.fork()
        except OSError as error:
            os.close(told)
            os.close(tell)
            raise LaunchError(126, f"no process for it: {error.strerror}") from None
        self.info.main_id = pid or os.getpid()
        if pid == 0:
            os.close(told)
            self._be_program(tell)
            return 0
        os.close(tell)
        self._hear(told, pid)
        return pid

    def _hear(self, told: int, pid: int) -> None:
        try:
            hear(told)
        except LaunchError:
            os.waitpid(pid, 0)
            self._remove_files()
            raise

    def _start_again(self) -> int:
        """Count a restart and start the program; as _start, but -126 or -127 if that fails."""
        self.info.restart_count += 1
        try:
            return self._start()
        except LaunchError as failure:
            self._last = f"not started ({failure.reason})"
            return -failure.status

    def _be_program(self, tell: int) -> None:
        """In the new process: write the files while we have the rights, then execute the program, if there is one."""
        os.setsid()
        try:
            self._write_files()
            if self._program:
                self._program.become(self.info, self._words())
        except LaunchError as failure:
            fail(tell, f"{failure.status} {failure.reason}")
        os.close(tell)

    def _words(self) -> str:
        """A line about the last end, for the program's output; "" at the first start."""
        if not self._last:
            return ""
        now, again = _clock(time.time()), f"pid={self.info.main_id}, restart {self.info.restart_count}"
        return f"{now} - guard: {self._name} {self._last}, starting it again, {again}\n"

    # -- its files -------------------------------------------------------------------------------

    def _write_files(self) -> None:
        """Write pidfile and info file.  Raises LaunchError, but only at the first start.

        Later a full disk does not prevent a start; then we remove the file, which would name a dead process.
        """
        for path, form in self._files.items():
            try:
                files.replace(path, form.format(self.info), 0o644, f"{path}.{os.getpid()}")
            except OSError as error:
                if not self.info.restart_count:
                    raise LaunchError(126, f"{path}: {error.strerror}") from None
                files.unlink_quietly(path)

    def _remove_files(self) -> None:
        """Remove pidfile and info file if they still have our content."""
        for path, form in self._files.items():
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    ours = file.read() == form.format(self.info)
            except OSError:
                continue
            if ours:
                files.unlink_quietly(path)

    # -- wait ------------------------------------------------------------------------------------

    def _wait(self, pid: int) -> int:
        """Sleep until the program ends and forward signals; return its exit status, or 128 + N for signal N."""
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._last = f"ended, pid={pid} ({cause.of_status(status)})" if status else ""
                return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            number = signal.sigwaitinfo(self._heard).si_signo
            if number != signal.SIGCHLD:
                self._told_to_end |= number in ENDING
                if self._told_to_end and self._leaves:
                    return 0
                os.kill(pid, number)  # safe: no other process gets the pid before we reap it

    def _pause(self) -> bool:
        """Sleep for the interval.  False: we got TERM or INT."""
        until = time.monotonic() + self._interval / 1000
        while True:
            got = signal.sigtimedwait(self._heard, max(0.0, until - time.monotonic()))
            if got is None:
                return True
            if got.si_signo in ENDING:
                return False


# -- as a function of Python ---------------------------------------------------------------------


def start_daemon(
    argv: Sequence[str],
    main_cb: Callable[[Sequence[str]], int],
    is_daemon: bool,
    *,
    interval: int = 5000,
    pidfile: str = "",
    info_file: str = "",
) -> int:
    """Run main_cb(argv); as a daemon, in a child that the guard restarts until it ends with 0.

    is_daemon: detach as daemon(1, 0) does (same directory, stdio on /dev/null); the calling process exits with 0.
    interval (ms), pidfile, info_file: as for Guard.  Returns the result of main_cb in its process, and the exit status
    in the guard.  Call it before you start threads.  Raises LaunchError if the first fork or a file fails.
    """
    if is_daemon:
        sys.stdout.flush()
        sys.stderr.flush()
        if not leave_caller():
            os._exit(0)
        silence()
        status = Guard(os.path.basename(argv[0]), None, interval, pidfile, info_file).keep()
        if status is not None:
            return status
    return main_cb(argv)
