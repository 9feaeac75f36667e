"""End some processes: signals and waits in turn, by pidfd, so that no other process ever gets a signal.

A pidfd names a process, not a number: after the process is gone, pidfd_send_signal(2) fails
with ESRCH, even if another process has its pid by then.
"""

from __future__ import annotations

import os
import time

from proc import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loop.loop import Loop, Timer

TAKE_AGAIN_MS = 100


def could_not_end(pid: int, whose: str = "ours") -> str:
    """The message for a process that outlived all signals; whose: the one who may not signal it."""
    return f"pid {pid} could not be ended: stuck in the kernel, or not {whose} to signal"


class Ending:
    """The end of a set of processes; it calls done once, when all are gone or the last wait is over.

    who: (pid, start ticks) of each.  steps: "TERM", "5000", "KILL": signals, and waits in ms
    (after a last KILL it waits 2 s).  done gets the pids that are still there: stuck in the kernel.
    reap: False if another part follows them and must learn how they ended.
    """

    def __init__(
        self,
        loop: Loop,
        who: Sequence[tuple[int, int]],
        steps: Sequence[str],
        done: Callable[[list[int]], None],
        reap: bool = True,
    ) -> None:
        self._loop = loop
        self._reap = reap
        self._steps = list(steps) + ["2000"]
        self._done: Callable[[list[int]], None] | None = done
        self._left: dict[int, int] = {}
        self._timer: Timer | None = None
        self._sent: list[tuple[str, float]] = []  # each signal, and when on the monotonic clock
        self._untaken = list(who)
        self._take_all()

    def _take_all(self) -> None:
        """Open a pidfd for each before the first signal; those that cannot be opened now we try again, they live."""
        self._untaken = [(pid, ticks) for pid, ticks in self._untaken if not self._take(pid, ticks)]
        if self._untaken:
            self._timer = self._loop.after(TAKE_AGAIN_MS, self._take_all)
        else:
            self._step()

    def _take(self, pid: int, ticks: int) -> bool:
        """False: it lives, but the kernel refuses the descriptor: none is left, or no memory for it."""
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        except OSError:
            return identity.ticks_of(pid) not in (0, ticks)
        fields = identity.stat_fields(pid)
        if not fields or int(fields[19]) != ticks:
            os.close(pidfd)
            return bool(fields)  # its stat file cannot be read: it has gone, or no descriptor is left to read it
        self._left[pid] = pidfd
        self._loop.ending[pid] = int(fields[3])
        self._loop.on_readable(pidfd, lambda: self._gone(pid))
        return True

    def _gone(self, pid: int) -> None:
        self._forget(pid, self._left.pop(pid))
        if self._reap:
            _reap(pid)
        if not self._left and not self._untaken:
            self._finish()

    def _step(self) -> None:
        if not self._left:
            self._finish()
            return
        while self._steps:
            step = self._steps.pop(0)
            if step.isdigit():
                self._timer = self._loop.after(int(step), self._step)
                return
            self._signal(step)
        self._finish()

    @property
    def took(self) -> str:
        """The last signal and its time after the first, `KILL was needed after 5s`; "" if the first was enough."""
        if len(self._sent) < 2:
            return ""
        (_, first), (name, last) = self._sent[0], self._sent[-1]
        return f"{name} was needed after {round(last - first, 1):g}s"

    def extend(self, milliseconds: float) -> None:
        """Wait at least so long from now before the next signal, if one is left."""
        due = time.monotonic() + milliseconds / 1000
        if self._untaken:
            return  # no signal was sent yet
        if self._done and self._timer and self._timer.due < due and not all(step.isdigit() for step in self._steps):
            self._timer.cancel()
            self._timer = self._loop.after(milliseconds, self._step)

    def _signal(self, name: str) -> None:
        import signal  # its enums cost 1 MiB; most monitors never send one

        number = getattr(signal, f"SIG{name}")
        self._sent.append((name, time.monotonic()))
        for pidfd in self._left.values():
            try:
                signal.pidfd_send_signal(pidfd, number)
                if number == signal.SIGTERM:
                    signal.pidfd_send_signal(pidfd, signal.SIGCONT)  # a stopped process could not handle it
            except OSError:
                pass  # gone, or not ours to signal: _finish() reports what is left

    def _finish(self) -> None:
        if self._timer:
            self._timer.cancel()
        for pid, pidfd in self._left.items():
            self._forget(pid, pidfd)
        done, self._done = self._done, None
        if done:
            done(list(self._left))

    def _forget(self, pid: int, pidfd: int) -> None:
        self._loop.forget(pidfd)
        self._loop.ending.pop(pid, None)


def _reap(pid: int) -> None:
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        pass  # it is not our child
