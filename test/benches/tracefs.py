"""A trace of the kernel that is ours alone: an instance in tracefs, which sees only the processes that we name.

    with tracefs.mounted() as top, tracefs.instance(top) as trace:
        trace.begin([pid, ...])
        ...
        lines = trace.end()

Source: Documentation/trace/ftrace.rst and events.rst of the kernel.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

NO_PERMISSION, NOT_INSTALLED = 4, 5  # as the exit statuses of the suite
USUAL = Path("/sys/kernel/tracing")
SCHEDULER = "sched_process_exit sched_process_fork sched_process_exec sched_switch".split()
# dash has dup2 where there is one; a file is opened, a process forked, by whatever the C library takes
CALLS = (
    "epoll_wait epoll_pwait waitid close read write openat dup2 dup3 fcntl getdents64 rename renameat renameat2 "
    "clone clone3 fork vfork"
).split()


class Unavailable(Exception):
    """This machine gives us no trace.  status: for the end of the program; the text says why, and what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@contextlib.contextmanager
def mounted() -> Iterator[Path]:
    """The directory of tracefs: where it is mounted, or one of ours until the end of `with`.  Raises Unavailable."""
    if os.geteuid() != 0:
        raise Unavailable(NO_PERMISSION, "a trace needs root; run it as root")
    if (USUAL / "instances").is_dir():
        yield USUAL
        return
    top = tempfile.mkdtemp(prefix="monitor-bench-tracefs.")  # whoever removes scratch must never walk through it
    mount = subprocess.run(["mount", "-t", "tracefs", "none", top], check=False, capture_output=True, text=True)
    try:
        if mount.returncode != 0:
            raise Unavailable(NOT_INSTALLED, f"no tracefs: {mount.stderr.strip() or mount.returncode}")
        yield Path(top)
    finally:
        if mount.returncode == 0:
            subprocess.run(["umount", "-l", top], check=True)
        os.rmdir(top)


@contextlib.contextmanager
def instance(top: Path) -> Iterator[Instance]:
    """Buffers and events of our own, below instances/, until the end of `with`.  Raises Unavailable."""
    home = top / "instances" / f"monitor-bench-{os.getpid()}"
    try:
        home.mkdir()
    except OSError as error:
        raise Unavailable(NO_PERMISSION, f"no trace can be made: {error.strerror}") from None
    try:
        yield Instance(home)
    finally:
        home.rmdir()


class Instance:
    """A trace that is off, or sees what the processes of begin() call, and when they run, fork, execute and end."""

    def __init__(self, home: Path) -> None:
        self._home = home
        try:
            self._set_up()
        except OSError as error:
            text = f"{error.filename}: {error.strerror}; the kernel needs CONFIG_FTRACE_SYSCALLS"
            raise Unavailable(NOT_INSTALLED, text) from None

    def _set_up(self) -> None:
        self._put("tracing_on", "0")
        self._put("trace_clock", "mono")  # its stamps compare with those of CLOCK_MONOTONIC
        self._put("options/event-fork", "1")  # whom they fork is seen too
        for name in SCHEDULER:
            self._put(f"events/sched/{name}/enable", "1")
        self._put("events/syscalls/sys_enter_read/enable", "1")
        for name in CALLS:
            for side in ("enter", "exit"):
                if (self._home / f"events/syscalls/sys_{side}_{name}").is_dir():  # not every machine has every call
                    self._put(f"events/syscalls/sys_{side}_{name}/enable", "1")

    def _put(self, name: str, text: str) -> None:
        (self._home / name).write_text(text)

    def begin(self, pids: Iterable[int]) -> None:
        """Forget what was seen, and see these processes from now on."""
        self._put("trace", "")
        self._put("set_event_pid", " ".join(map(str, pids)))
        self._put("tracing_on", "1")

    def end(self) -> list[str]:
        """See no more; the lines that were seen, in the order of their time."""
        self._put("tracing_on", "0")
        return (self._home / "trace").read_text(errors="replace").splitlines()
