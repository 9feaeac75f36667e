"""Wait for the next event: one epoll over descriptors, one heap of timers, errands in children.

Nothing here polls.  While no timer is due, the process sleeps until a descriptor is ready.

Every call has an owner, a server's life or the suite (None).  A timer or an errand that the call requests has the same
owner.  The loop catches every exception, in one place, and charges it to the owner.
"""

from __future__ import annotations

import _heapq  # not heapq, whose functions in Python would stay in the resident, 16 KiB
import errno
import os
import select
import time

from loop.fork import fork
from spawn.launch import close_all_but

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


KILL = 9  # importing signal costs 1 MiB
END = "\0"  # stands behind what an errand has written to its end; no text of an errand holds it
REAP_AGAIN_MS = 20
NO_RESOURCES_MS = 100  # until we try an errand again that could not begin, or was killed
MOST_TRIES = 3  # of an errand that is killed each time
MOST_FAULTS = 3  # of one descriptor in a row: then we no longer wait for it, because it would make us spin
AGAIN_MS = 1000  # until we wait again for one that lasts


class Timer:
    """A call that is due later; cancel() takes it back."""

    __slots__ = ("call", "due", "owner")

    def __init__(self, due: float, call: Callable[[], None], owner: object) -> None:
        self.due = due
        self.call: Callable[[], None] | None = call
        self.owner = owner

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due

    def cancel(self) -> None:
        """Forget the call; harmless after it was made."""
        self.call = None


class Loop:
    """The one place where the process waits."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, tuple[Callable[[], None], object]] = {}
        self._faults: dict[int, int] = {}  # of descriptors, in a row
        self._lasting: set[int] = set()
        self.owner: object = None  # the owner of the present call
        self.fault: Callable[[object, Exception], None] = _raise
        self._timers: list[Timer] = []
        self.errands: set[int] = set()
        self.groups: set[int] = set()  # of our children; each leads a process group that must not outlive us
        self.ending: dict[int, int] = {}  # pid -> session of each process that is being ended
        self.ended = False
        self.owning: Timer | None = None  # until our memory is quick to write again: loop/fork.py
        self.orphans: list[int] | None = None  # as this turn has listed them: loop/descendants.py
        self.longest = 0.0  # seconds of the longest turn; who reads it begins anew: watch/lag.py
        self._pid = os.getpid()

    def on_readable(self, fd: int, call: Callable[[], None], lasts: bool = False) -> None:
        """Make the call whenever fd can be read (a pidfd: once its process is dead).

        lasts: it is open as long as we live, and without it we are of no use: no fault makes us give it up.
        """
        if lasts:
            self._lasting.add(fd)
        self._wait_for(fd, select.EPOLLIN, call)

    def on_writable(self, fd: int, call: Callable[[], None]) -> None:
        """Make the call whenever fd can be written to (a socket: once it is connected); replaces its earlier call."""
        self._wait_for(fd, select.EPOLLOUT, call)

    def _wait_for(self, fd: int, events: int, call: Callable[[], None]) -> None:
        if fd in self._calls:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._calls[fd] = call, self.owner

    def forget(self, fd: int) -> None:
        """Stop waiting for fd and close it."""
        self.ignore(fd)
        os.close(fd)

    def ignore(self, fd: int) -> None:
        """Stop waiting for fd, if we do; it stays open."""
        self._calls.pop(fd, None)  # it is not there if the kernel refused to wait for it
        self._faults.pop(fd, None)
        try:
            self._epoll.unregister(fd)
        except OSError:
            pass  # the close takes it out, and until then _turn() passes it over

    def after(self, milliseconds: float, call: Callable[[], None]) -> Timer:
        """Make the call once, after that time on the monotonic clock."""
        timer = Timer(time.monotonic() + milliseconds / 1000, call, self.owner)
        _heapq.heappush(self._timers, timer)
        return timer

    def run(self) -> None:
        """Run until ended is set."""
        try:
            while not self.ended:
                self._turn()
        finally:
            self.end_groups()

    def _turn(self) -> None:
        awake = self._epoll.poll(self._next_due())
        began = time.monotonic()
        self.orphans = None
        ready = [(fd, self._calls[fd]) for fd, _ in awake if fd in self._calls]
        for fd, waiting in ready:
            if self._calls.get(fd) is waiting:  # an earlier call may have put another file there
                self._answer(fd, *waiting)
        self._ring(began)
        self.longest = max(self.longest, time.monotonic() - began)

    def is_called(self, but_by: int) -> bool:
        """Is a descriptor ready, other than this one, so that what takes long should wait for the next turn?"""
        return any(fd != but_by for fd, _ in self._epoll.poll(0))

    def on_behalf(self, owner: object, call: Callable[..., object], *words: object) -> bool:
        """Call it with these words for this owner; False: it raised an exception, which was charged to the owner."""
        before, self.owner = self.owner, owner
        try:
            call(*words)
            return True
        except Exception as error:
            if os.getpid() != self._pid:
                os._exit(127)  # a child that we forked must never go on as a second loop
            self.fault(owner, error)
            return False
        finally:
            self.owner = before

    def _answer(self, fd: int, call: Callable[[], None], owner: object) -> None:
        if self.on_behalf(owner, call):
            if self._faults:
                self._faults.pop(fd, None)
            return
        self._faults[fd] = self._faults.get(fd, 0) + 1
        if self._faults[fd] >= MOST_FAULTS and fd in self._calls:
            self.ignore(fd)
            if fd in self._lasting:
                self.after(AGAIN_MS, lambda: self.on_readable(fd, call))

    def end_groups(self) -> None:
        """Kill the groups; we have not reaped those children yet, so no other process has their numbers."""
        for pid in self.groups:
            try:
                os.killpg(pid, KILL)
            except OSError:
                pass  # it has just ended, or became another user's, and then it is not ours to end

    def _next_due(self) -> float:
        """Seconds to the next timer; -1: none."""
        while self._timers and self._timers[0].call is None:
            _heapq.heappop(self._timers)
        return max(0.0, self._timers[0].due - time.monotonic()) if self._timers else -1

    def _ring(self, now: float) -> None:
        """Make the calls that were due when the turn began: what it has requested waits until we have looked again."""
        while self._timers and self._timers[0].due <= now:
            timer = _heapq.heappop(self._timers)
            if timer.call:
                self.on_behalf(timer.owner, timer.call)

    def errand(
        self,
        work: Callable[[], str],
        done: Callable[[str], None],
        failed: Callable[[str], None] | None = None,
        tries: int = MOST_TRIES,
    ) -> None:
        """Do slow work in a child; done gets its text here.  failed gets the reason if the work raised an exception.

        Without failed, such an exception is a fault of the owner.  If the child is killed (as when memory runs out),
        what it wrote proves nothing: we do the work again, tries times in all, and then it has failed.

        The child keeps no descriptor of ours.  So a child that is stuck on a bad disk or in a blocked /proc file holds
        neither our locks nor the mailbox.
        """

        def again(left: int) -> None:
            self.after(NO_RESOURCES_MS, lambda: self.errand(work, done, failed, left))

        def killed() -> None:
            if tries > 1:
                again(tries - 1)
            else:
                (failed or _fail)(f"its process was killed {MOST_TRIES} times")

        try:
            told, tell = os.pipe()
        except OSError:  # no descriptor is left
            again(tries)
            return
        try:
            pid = fork(self)
        except OSError:  # no process is left, or no memory
            os.close(told)
            again(tries)
        else:
            if pid == 0:
                _run_errand(work, tell)
            self.hear(pid, told, lambda heard: _take(heard, done, failed or _fail, killed))
        finally:
            os.close(tell)

    def program(self, argv: list[str], done: Callable[[str], None], failed: Callable[[str], None]) -> None:
        """The same by a program: its path and its arguments.  done gets what it prints; failed why it cannot run.

        A fork would make our memory copy-on-write, and so slow down what comes next; posix_spawn(3) does not.
        """
        try:
            told, tell = os.pipe()
        except OSError:  # no descriptor is left
            self.after(NO_RESOURCES_MS, lambda: self.program(argv, done, failed))
            return
        try:
            null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
            output = [(os.POSIX_SPAWN_DUP2, tell, number) for number in (1, 2)]
            pid = os.posix_spawn(argv[0], argv, {"PATH": os.defpath}, file_actions=[null, *output])
        except OSError as error:
            os.close(told)
            if error.errno in (errno.EAGAIN, errno.ENOMEM):  # no process is left
                self.after(NO_RESOURCES_MS, lambda: self.program(argv, done, failed))
            else:
                failed(f"{argv[0]}: {error.strerror}")
        else:
            self.hear(pid, told, done)
        finally:
            os.close(tell)

    def hear(self, pid: int, told: int, done: Callable[[str], None], line: Callable[[str], None] | None = None) -> None:
        """Read what our child writes into the pipe told until it closes that; then reap it and pass the text to done.

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
            self.reap(pid)
            done(heard.decode("utf-8", "surrogateescape"))

        self.on_readable(told, listen)

    def reap(self, pid: int) -> None:
        """Reap our child, which is ending; if it is slow, try again later and block no one."""
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG):
            self.errands.discard(pid)
        else:
            self.after(REAP_AGAIN_MS, lambda: self.reap(pid))


def _raise(owner: object, error: Exception) -> None:
    """The default for faults, in a program that is one command: raise the exception."""
    raise error


def lines_of(text: str) -> list[str]:
    """The lines of what an errand wrote (str.splitlines would also split at rarer characters)."""
    return text.rstrip("\n").split("\n") if text else []


class ErrandFailed(Exception):
    """The work of an errand raised an exception; the text says which."""


def _fail(why: str) -> None:
    raise ErrandFailed(why)


def _take(heard: str, done: Callable[[str], None], failed: Callable[[str], None], killed: Callable[[], None]) -> None:
    """What a child wrote ends with END; behind that stands the reason if its work has failed."""
    text, end, why = heard.rpartition(END)
    if why and end:
        failed(why)
    elif end:
        done(text)
    else:
        killed()


def _run_errand(work: Callable[[], str], tell: int) -> None:
    try:
        close_all_but([tell])
        try:
            text = work() + END
        except Exception as error:
            text = f"{END}{type(error).__name__}: {error}"
        raw = text.encode("utf-8", "surrogateescape")
        while raw:
            raw = raw[os.write(tell, raw) :]
    finally:
        os._exit(0)
