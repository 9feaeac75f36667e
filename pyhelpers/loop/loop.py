"""Wait for whatever happens next: one epoll over descriptors, one heap of timers, errands in children.

Nothing here polls.  With no timer due the process sleeps until a descriptor speaks.
"""

from __future__ import annotations

import heapq
import os
import select
import time

from spawn.launch import close_all_but

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


KILL = 9  # importing signal costs 1 MiB


class Timer:
    """A call at a time to come; cancel() takes it back."""

    __slots__ = ("call", "due")

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due = due
        self.call: Callable[[], None] | None = call

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due

    def cancel(self) -> None:
        """Forget the call; harmless once it was made."""
        self.call = None


class Loop:
    """The one place where the process waits."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[], None]] = {}
        self._timers: list[Timer] = []
        self.errands: set[int] = set()
        self.groups: set[int] = set()  # of our children; each leads a process group that is not to outlive us
        self.ending: dict[int, int] = {}  # pid -> session of each that is being ended
        self.ended = False

    def on_readable(self, fd: int, call: Callable[[], None]) -> None:
        """Make the call whenever fd can be read (a pidfd: once its process is dead)."""
        self._wait_for(fd, select.EPOLLIN, call)

    def on_writable(self, fd: int, call: Callable[[], None]) -> None:
        """Make the call whenever fd can be written to (a socket: once it is connected), instead of another call."""
        self._wait_for(fd, select.EPOLLOUT, call)

    def _wait_for(self, fd: int, events: int, call: Callable[[], None]) -> None:
        if fd in self._calls:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._calls[fd] = call

    def forget(self, fd: int) -> None:
        """Wait for fd no longer; close it."""
        self.ignore(fd)
        os.close(fd)

    def ignore(self, fd: int) -> None:
        """Wait for fd no longer; it stays open."""
        del self._calls[fd]
        self._epoll.unregister(fd)

    def after(self, milliseconds: float, call: Callable[[], None]) -> Timer:
        """Make the call once, that much later by the monotonic clock."""
        timer = Timer(time.monotonic() + milliseconds / 1000, call)
        heapq.heappush(self._timers, timer)
        return timer

    def run(self) -> None:
        """Until ended is set."""
        try:
            while not self.ended:
                self._turn()
        finally:
            self.end_groups()

    def _turn(self) -> None:
        ready = [(fd, self._calls[fd]) for fd, _ in self._epoll.poll(self._patience())]
        for fd, call in ready:
            if self._calls.get(fd) is call:  # an earlier one of this batch may have put another file in its place
                call()
        self._ring()

    def end_groups(self) -> None:
        """Kill them; those children are not reaped yet, so nobody else has their numbers."""
        for pid in self.groups:
            try:
                os.killpg(pid, KILL)
            except OSError:
                pass  # it has just ended, or became another user's, and then it is not ours to end

    def _patience(self) -> float:
        """Seconds to the next timer; -1: none."""
        while self._timers and self._timers[0].call is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0].due - time.monotonic()) if self._timers else -1

    def _ring(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0].due <= now:
            call = heapq.heappop(self._timers).call
            if call:
                call()

    def errand(self, work: Callable[[], str], done: Callable[[str], None]) -> None:
        """Do slow work in a child; its text reaches done here.  A child that fails brings "".

        The child keeps no descriptor of ours, so that one stuck on a bad disk or in a
        blocked /proc file holds neither our locks nor the mailbox.
        """
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            _run_errand(work, tell)
        os.close(tell)
        self.hear(pid, told, done)

    def hear(self, pid: int, told: int, done: Callable[[str], None], line: Callable[[str], None] | None = None) -> None:
        """Collect what our child writes into the pipe told until it closes it; then reap it and tell done the rest.

        line: gets each line as soon as it is whole; done then gets what is left, as a rule "".
        """
        self.errands.add(pid)
        heard = b""

        def listen() -> None:
            nonlocal heard
            piece = os.read(told, 1 << 16)
            heard += piece
            if line and b"\n" in piece:
                *lines, heard = heard.split(b"\n")
                for raw in lines:
                    line(raw.decode("utf-8", "surrogateescape"))
            if piece:
                return
            self.forget(told)
            os.waitid(os.P_PID, pid, os.WEXITED)
            self.errands.discard(pid)
            done(heard.decode("utf-8", "surrogateescape"))

        self.on_readable(told, listen)


def lines_of(text: str) -> list[str]:
    """The lines of what an errand wrote (str.splitlines would also split at rarer characters)."""
    return text.rstrip("\n").split("\n") if text else []


def _run_errand(work: Callable[[], str], tell: int) -> None:
    try:
        close_all_but([tell])
        text = work().encode("utf-8", "surrogateescape")
        while text:
            text = text[os.write(tell, text) :]
    finally:
        os._exit(0)
