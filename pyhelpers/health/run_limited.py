"""Run a command beside the loop, within bounds: its time, its output, what it starts.

It is leader of a session of its own, its standard input is /dev/null.  When its time is over, its process group gets
KILL, then whatever else is left of the session; the same when it has ended by itself.  What made a session of its own
is let go.  Of its output the beginning is kept and the rest thrown away, whoever writes it: nobody waits for an end.
Only a program that nobody else may write is executed.
"""

from __future__ import annotations

import os

from base import places
from base.places import NoAnswer
from base.programs import LaunchError
from config import trust
from loop import loop
from loop.terminate import Ending
from proc import cause
from spawn import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from config.launch_settings import Launch
    from loop.host import Host

KEPT = 1 << 12  # bytes of output
SHOWN = 160  # letters of its first line
DRAIN_MS, FLOOD_MS = 50, 1  # between looks at its output; while it fills the pipe (pipe(7): 64 KiB) each time
PIPE = 1 << 16
ROUNDS = 20  # of KILL, against a session that forks meanwhile


class Run:
    """One run; done gets how it ended, its first line, and why it was not executed; not once end() was called.

    is_there: until its process is gone.  Raises LaunchError, OSError.
    """

    def __init__(self, host: Host, what: Launch, done: Callable[[str, str, str], None]) -> None:
        self._host = host
        self._loop = host.loop
        self._done: Callable[[str, str, str], None] | None = done
        self._kept = b""
        self._output, what.output_fd = os.pipe()
        self._told, self._tell = os.pipe()
        self._fds = [self._output, self._told]
        try:
            os.set_blocking(self._output, False)
            self._pid = self._spawn(what)
        except BaseException:
            self._close()
            raise
        finally:
            os.close(what.output_fd)
            os.close(self._tell)
        self.is_there = True
        self._loop.errands.add(self._pid)
        self._loop.groups.add(self._pid)
        self._follow()

    def _spawn(self, what: Launch) -> int:
        """As a server is: what posix_spawn cannot do, and what may not answer, takes the dearer road over fork."""
        program = _near_program(what)
        if what.settings or not program:
            pid = os.fork()
            if pid == 0:
                _become(what, self._tell)
            return pid
        try:
            _refuse_if_open(program)
            return launch.spawn(what, program)
        finally:
            os.chdir("/")  # hold no server's file system

    def _follow(self) -> None:
        try:
            self._pidfd = os.pidfd_open(self._pid)
        except OSError:  # no descriptor is left
            self._kill()
            os.waitid(os.P_PID, self._pid, os.WEXITED)
            self._forget()
            raise
        self._loop.on_readable(self._pidfd, self._ended)
        self._drain_on()

    def _forget(self) -> None:
        self.is_there = False
        self._loop.errands.discard(self._pid)
        self._loop.groups.discard(self._pid)
        self._close()

    def _close(self) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds = []

    # -- output ----------------------------------------------------------------------------------

    def _drain_on(self) -> None:
        pause = FLOOD_MS if self._drain() == PIPE else DRAIN_MS
        self._drain_timer = self._loop.after(pause, self._drain_on)

    def _drain(self) -> int:
        """Read what is there, a pipe full at most; how much that was."""
        try:
            piece = os.read(self._output, PIPE)
        except BlockingIOError:
            return 0
        self._kept += piece[: KEPT - len(self._kept)]
        return len(piece)

    def _first_line(self) -> str:
        return self._kept.decode("utf-8", "replace").strip().partition("\n")[0][:SHOWN].rstrip()

    # -- its end ---------------------------------------------------------------------------------

    def end(self) -> None:
        """Its time is over: kill it; done is not told."""
        self._done = None
        if self.is_there:
            self._kill()

    def _kill(self) -> None:
        """All of its process group at once; it is our child and not reaped, so nobody else can have its number."""
        for kill in (os.killpg, os.kill):  # the latter, for it may not lead a group yet
            try:
                kill(self._pid, loop.KILL)
            except OSError:
                pass  # it has just ended, or became another user's, and then it is not ours to end

    def _ended(self) -> None:
        self._drain_timer.cancel()
        self._drain()
        self._loop.forget(self._pidfd)
        why = cause.of_child(self._pid) or cause.UNKNOWN
        refusal = os.read(self._told, 1 << 12).decode("utf-8", "surrogateescape")
        self._forget()
        self._end_session(ROUNDS)
        if self._done:
            self._done(why, self._first_line(), refusal)

    def _end_session(self, rounds: int) -> None:
        """Kill those that it left: orphans are ours, and while there is one, the session's number is nobody else's."""
        left = [(orphan.pid, orphan.ticks) for orphan in self._host.orphans() if orphan.sid == self._pid]
        if left and rounds:
            Ending(self._loop, left, ["KILL"], lambda stuck: self._end_session(0 if stuck else rounds - 1))


def _near_program(what: Launch) -> str:
    """The program, where it and the directory answer, and only root, or we, may change the latter; else "".

    Raises LaunchError.
    """
    try:
        with places.opened(what.directory) as here:
            return "" if here.swappable else what.program(may_look=places.require_answer)
    except (NoAnswer, OSError):
        return ""


def _become(what: Launch, tell: int) -> None:
    """Turn this child into the program, with the rights of its user; never returns.  Why not is written to tell."""
    failure, program = "its process cannot be set up", what.argv[0]
    try:
        os.setsid()
        launch.take_state(what)
        program = what.program()
        _refuse_if_open(program)
        os.execve(program, what.argv, what.environment)
    except LaunchError as refused:
        failure = refused.reason
    except OSError as error:
        failure = launch.refusal(program, error).reason
    finally:
        os.write(tell, failure.encode("utf-8", "surrogateescape"))
        os._exit(127)


def _refuse_if_open(program: str) -> None:
    """Raises LaunchError when others than root and the user that we are may write it."""
    words, remedy = trust.judge_status(program, os.stat(program))
    if words:
        raise LaunchError(126, f"{program}: {words}; run: {remedy}")
