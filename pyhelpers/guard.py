"""The parent guard: stay as a program's parent, and start it again until it ends well.

    def serve(argv): ...                                    # a server; it ends with what this returns
    sys.exit(guard.start_daemon(sys.argv, serve, is_daemon=True))

An end with exit status 0 is a clean one, and the guard's own.  Any other, SIGKILL by the kernel for want of memory
among them, is a crash: it is counted, and after the interval the program is started again.  A signal sent to the guard
reaches the program; TERM and INT are also the end of the guard, once the program has ended.

start_daemon() is the function of that name, and ProcessInfo the record, of the C++ framework sylar.  A program of
another language is guarded by `daeml.py --guard`, see guard_main.py: it finds ProcessInfo in its environment, as
GUARD_PARENT_ID, GUARD_RESTART_COUNT …  Everybody finds its text in the info file.

It does not poll: sigwaitinfo(2) sleeps until a signal comes or the program, its child, has ended.
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
from spawn.launch import hear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    class Program(Protocol):
        """What to execute: become() turns this process into it, words go ahead of its output.  Raises LaunchError."""

        def become(self, info: ProcessInfo, words: str) -> None: ...  # noqa: D102


class ProcessInfo:
    """Who guards whom: pids, start times in Unix seconds, how often it was started again."""

    FIELDS = ("parent_id", "main_id", "parent_start_time", "main_start_time", "restart_count")

    __slots__ = FIELDS

    def __init__(self, values: Sequence[int] = (0, 0, 0, 0, 0)) -> None:
        """The values of FIELDS, in their order."""
        self.parent_id, self.main_id, self.parent_start_time, self.main_start_time, self.restart_count = values

    def __str__(self) -> str:
        shown = (f"{field}={_shown(field, getattr(self, field))}" for field in self.FIELDS)
        return f"[ProcessInfo {' '.join(shown)}]"

    def environment(self) -> dict[str, str]:
        """GUARD_PARENT_ID and so on, for a program that is executed; times in Unix seconds."""
        return {f"GUARD_{field.upper()}": str(getattr(self, field)) for field in self.FIELDS}

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> ProcessInfo:
        """What environment() made; all 0 where there is no guard."""
        return cls([int(environment.get(f"GUARD_{field.upper()}", 0)) for field in cls.FIELDS])


def _shown(field: str, value: int) -> str:
    return _clock(value) if field.endswith("time") else str(value)


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


_process_info: ProcessInfo | None = None


def process_info() -> ProcessInfo:
    """The guarded process that we are or descend from, or that we guard; all 0 if there is none."""
    return _process_info or ProcessInfo.of_environment(os.environ)


class Guard:
    """One guarded program.

    name: for what is said of it.  program: what to execute; None: keep() comes back in the new process instead.
    interval: ms between an end and the next start.  pidfile: holds the program's pid.  info_file: ProcessInfo as text.
    always: a clean end is no end of the guard, and is not said.  leaves: our end by TERM or INT is not the program's.
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
        self._last = ""  # what became of the last start
        self._heard = heard()
        self._told_to_end = False
        self._always = always
        self._leaves = leaves

    def keep(self, started: Callable[[int], None] = lambda pid: None) -> int | None:
        """Guard it until it ends well or we are told to end: the exit status.  None: we are the program's new process.

        started: is given the pid once the first start has succeeded.  Raises LaunchError when that fails.
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
        """Fork it; its pid, or 0 in the new process.  Raises LaunchError."""
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
        """Count, and start it; as _start, but -126 or -127 when that fails."""
        self.info.restart_count += 1
        try:
            return self._start()
        except LaunchError as failure:
            self._last = f"not started ({failure.reason})"
            return -failure.status

    def _be_program(self, tell: int) -> None:
        """In the new process: write the files while we have the rights, then be the program, if one is executed."""
        os.setsid()
        try:
            self._write_files()
            if self._program:
                self._program.become(self.info, self._words())
        except LaunchError as failure:
            os.write(tell, f"{failure.status} {failure.reason}".encode("utf-8", "surrogateescape"))
            os._exit(failure.status)
        os.close(tell)

    def _words(self) -> str:
        """A line about the last end, for the output; "" at the first start."""
        if not self._last:
            return ""
        now, again = _clock(time.time()), f"pid={self.info.main_id}, restart {self.info.restart_count}"
        return f"{now} - guard: {self._name} {self._last}, starting it again, {again}\n"

    # -- its files -------------------------------------------------------------------------------

    def _write_files(self) -> None:
        """Raises LaunchError at the first start; later a full disk keeps nothing down, but no file names a dead one."""
        for path, form in self._files.items():
            try:
                files.replace(path, form.format(self.info), 0o644, f"{path}.{os.getpid()}")
            except OSError as error:
                if not self.info.restart_count:
                    raise LaunchError(126, f"{path}: {error.strerror}") from None
                files.unlink_quietly(path)

    def _remove_files(self) -> None:
        """Those that are still ours."""
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
        """Sleep until it ends, handing it every signal meanwhile; its exit status, or 128 + N for signal N."""
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
                os.kill(pid, number)  # ours until we reap it: no stranger can have its pid

    def _pause(self) -> bool:
        """Sleep for the interval.  False: we were told to end."""
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
    """Run main_cb(argv); as a daemon, in a child that is run again until it ends well.

    is_daemon: leave the caller as daemon(1, 0) does, which ends with 0 meanwhile: same directory, null stdio.
    interval, pidfile, info_file: as of Guard.  Returns in main_cb's process what main_cb returned, in the guard the
    exit status.  Call it before there are threads.  Raises LaunchError when the first fork or a file is refused.
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
