"""Run a program beside the loop, within bounds for its output, its descendants and its end.  Checks and hooks do so.

The program leads a session of its own.  The caller learns of its end at once.  The caller decides when the program, and
what it left running, has had its time: end() ends every process that is proved to descend from the program.  We read
the output while any of them lives, keep its beginning or its end and drop the rest.  We execute the program only if no
one else may write it.

    Run(host, launch, Bounds(kept=4096, steps=["TERM", "2000", "KILL"]), ended, gone)

Nothing here blocks: a child that hangs before the exec of its program (a dead network file system) is ended like one
that hangs later.
"""

from __future__ import annotations

import os

from base import places
from base.places import NoAnswer
from base.programs import LaunchError
from config import trust
from loop import cgroups, descendants
from loop.fork import fork
from loop.terminate import Ending
from proc import cause, identity
from proc.descent import Descent, ticks_now
from spawn import cgroup, launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from config.launch_settings import Launch
    from loop.host import Reaper
    from loop.loop import Loop, Timer

    Ended = Callable[[str, str, "LaunchError | None"], None]

PIPE = 1 << 16  # bytes: pipe(7)
LEFT_IN_PIPE = 16  # the most reads of what a dead program left in the pipe: others may still write
ROUNDS = 20  # of KILL, in case the tree forks meanwhile


class Bounds:
    """kept: bytes of output, its beginning, or its end if last is set.  steps: how to end the tree, see Ending.

    rest_ms: how long we leave the output unread after a full pipe, so that a flood does not keep the loop busy.
    """

    __slots__ = ("kept", "last", "rest_ms", "steps")

    def __init__(self, kept: int, steps: Sequence[str], rest_ms: float = 0, last: bool = False) -> None:
        self.kept = kept
        self.last = last
        self.steps = list(steps)
        self.rest_ms = rest_ms


class Run:
    """One run.

    ended: called once, when the program has ended, with the cause (proc/cause.py), its output, and why it was not
    executed; the cause is "" if end() came first: then the whole tree has ended, or cannot be ended.
    gone: called once, later: nothing of the tree is left except what cannot be ended.
    prepare: completes the launch in the child, where it may block; raises LaunchError.
    If the launch has a descriptor for its output, the caller reads that, closes it, and ended gets none.
    Raises LaunchError, OSError: nothing runs.
    """

    def __init__(
        self,
        host: Reaper,
        what: Launch,
        bounds: Bounds,
        ended: Ended,
        gone: Callable[[], None],
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._host, self._loop, self._bounds = host, host.loop, bounds
        self._tell_end: Ended | None = ended
        self._tell_gone = gone
        self._kept = b""
        self._rest: Timer | None = None
        self._is_alive = True
        self._is_ending = self._is_over = False
        self._watched = -1  # pidfd of a process that the program left behind
        self._output = -1
        if what.output_fd < 0:
            self._output, what.output_fd = os.pipe()
            os.set_blocking(self._output, False)
        self._told, tell = os.pipe()
        try:
            what.cgroup = cgroups.fresh(host, os.path.basename(what.argv[0])) if what.in_cgroup else ""
            self._descent = Descent(invocation=what.mark(), cgroup=what.cgroup)
            self._pid = _spawn(host.loop, what, prepare, tell)
        except BaseException:
            self._close()
            raise
        finally:
            if self._output >= 0:
                os.close(what.output_fd)
            os.close(tell)
        self._descent.sid, self._ticks = self._pid, identity.ticks_of(self._pid)
        self._follow()

    def _follow(self) -> None:
        try:
            self._pidfd = os.pidfd_open(self._pid)
        except OSError:  # no descriptor is left
            self._kill_group()
            os.waitid(os.P_PID, self._pid, os.WEXITED)
            self._close()
            raise
        self._loop.errands.add(self._pid)
        self._loop.groups.add(self._pid)
        self._loop.on_readable(self._pidfd, self._died)
        if self._output >= 0:
            self._loop.on_readable(self._output, self._drain)

    def _close(self) -> None:
        os.close(self._told)
        if self._output >= 0:
            os.close(self._output)

    # -- output ----------------------------------------------------------------------------------

    def _drain(self) -> None:
        if self._read() == PIPE and self._bounds.rest_ms:
            self._loop.ignore(self._output)
            self._rest = self._loop.after(self._bounds.rest_ms, self._drain_on)

    def _drain_on(self) -> None:
        self._rest = None
        self._loop.on_readable(self._output, self._drain)

    def _read(self) -> int:
        """Read what is there, at most a full pipe; return how many bytes."""
        try:
            piece = os.read(self._output, PIPE)
        except BlockingIOError:
            return 0
        if self._bounds.last:
            self._kept = (self._kept + piece)[-self._bounds.kept :]
        else:
            self._kept += piece[: self._bounds.kept - len(self._kept)]
        if not piece:
            self._forget_output()
        return len(piece)

    def _read_rest(self) -> None:
        for _ in range(LEFT_IN_PIPE):
            if self._output < 0 or not self._read():
                break

    def _forget_output(self) -> None:
        if self._output < 0:
            return
        if self._rest:
            self._rest.cancel()
            os.close(self._output)
        else:
            self._loop.forget(self._output)
        self._output, self._rest = -1, None

    # -- its end ---------------------------------------------------------------------------------

    def _died(self) -> None:
        """The program has died.  Leave it a zombie until its whole tree has ended, so that its number is not reused."""
        self._loop.forget(self._pidfd)
        self._is_alive = False
        if self._is_over:
            self._let_go()
        elif not self._is_ending:
            self._read_rest()
            self._say_end(cause.of_child(self._pid, reap=False) or cause.UNKNOWN, _hear(self._told))
            self._await_leftovers()

    def _say_end(self, how: str, refused: LaunchError | None = None) -> None:
        tell, self._tell_end = self._tell_end, None
        if tell:
            tell(how, self._kept.decode("utf-8", "replace"), refused)

    def _await_leftovers(self) -> None:
        """Wait until all leftovers have ended; when one has, look again, because it may have left others."""
        while not self._is_ending:
            left = self._members()
            if not left:
                self._let_go()
                return
            if self._watch(*left[0]):
                return

    def _members(self) -> list[tuple[int, int]]:
        """Pid and start ticks of each living process that is proved to descend from it, see proc/descent.py."""
        its, known = self._descent, dict(self._descent.kids)
        its.owner, its.seen = (
            identity.real_uid(self._pid),
            ticks_now(),
        )  # we have not reaped it: so the session is its own
        if self._is_alive:
            known[self._pid] = self._ticks
        found = descendants.members(self._host, self._descent, self._pid, self._ticks, known)
        self._descent.kids = {pid: ticks for pid, ticks in found.items() if pid != self._pid}
        return list(found.items())

    def _watch(self, pid: int, ticks: int) -> bool:
        try:
            self._watched = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        except OSError:  # no descriptor is left
            self.end()
            return True
        self._loop.on_readable(self._watched, self._leftover_died)
        if identity.ticks_of(pid) != ticks:  # another process has got its number meanwhile
            self._forget_watched()
            return False
        return True

    def _leftover_died(self) -> None:
        self._forget_watched()
        self._await_leftovers()

    def _forget_watched(self) -> None:
        if self._watched >= 0:
            self._loop.forget(self._watched)
            self._watched = -1

    def end(self) -> None:
        """The time of the program, or of what it left behind, is over: end all of it."""
        if not self._is_ending:
            self._is_ending = True
            self._forget_watched()
            self._end_tree(self._bounds.steps, ROUNDS)

    def _end_tree(self, steps: Sequence[str], rounds: int) -> None:
        if steps[0] == "KILL":
            self._kill_group()
            cgroups.killing_steps(self._host, self._descent)  # what forks meanwhile, too
        left = self._members()
        left.sort(key=lambda who: who[0] != self._pid)  # a shell that dies later reports the death of its children
        if left and rounds:
            Ending(self._loop, left, steps, lambda stuck: self._ended_some(stuck, rounds), reap=False)
        else:
            self._give_up()

    def _ended_some(self, stuck: list[int], rounds: int) -> None:
        self._end_tree(["KILL"], 0 if stuck else rounds - 1)

    def _kill_group(self) -> None:
        """Kill its whole process group; the program is our child and not reaped, so its number is not reused."""
        for kill in (os.kill, os.killpg):  # kill too, because it may not lead a group yet
            try:
                kill(self._pid, cause.KILL)
            except OSError:
                pass  # it has just ended, or became another user's, and then it is not ours to end

    def _give_up(self) -> None:
        """Nothing is left, or nothing can be ended; a program that is stuck in the kernel may end later."""
        self._is_over = True
        self._read_rest()
        self._say_end("")
        if not self._is_alive:
            self._let_go()

    def _let_go(self) -> None:
        self._is_ending = self._is_over = True
        self._forget_watched()
        self._forget_output()
        self._close()
        os.waitid(os.P_PID, self._pid, os.WEXITED)
        self._loop.errands.discard(self._pid)
        self._loop.groups.discard(self._pid)
        cgroups.retire(self._host, self._descent.cgroup)
        self._tell_gone()


def _spawn(loop: Loop, what: Launch, prepare: Callable[[], None] | None, tell: int) -> int:
    """Launch it as a server is launched: with the slower fork for what posix_spawn cannot set or may not answer.

    To join a cgroup takes some ms, so the child does that: no one waits for the beginning of a check or a hook.
    """
    program = "" if prepare else _near_program(what)
    if what.settings or what.cgroup or not program:
        pid = fork(loop)
        if pid == 0:
            _become(what, program, prepare, tell)
        return pid
    try:
        _refuse_if_open(program)
        return launch.spawn(what, program)
    finally:
        os.chdir("/")  # hold no server's file system


def _near_program(what: Launch) -> str:
    """The program, if it is there and all answers, and if only root or we may change the directory; else ""."""
    try:
        with places.opened(what.directory) as here:
            return "" if here.swappable else what.program(may_look=places.require_answer)
    except (NoAnswer, OSError, LaunchError):
        return ""


def _become(what: Launch, program: str, prepare: Callable[[], None] | None, tell: int) -> None:
    """Turn this child into the program, with the rights of its user; never returns.  Writes a failure to tell."""
    failure = LaunchError(126, "its process cannot be set up")
    try:
        os.setsid()
        if what.cgroup:
            cgroup.join(what.cgroup)  # if that is refused, the other proofs of descent are left
        if prepare or what.settings.get("limit_nofile"):  # it may hang, with our locks; or need room for new ones
            launch.close_all_but([tell, what.input_fd, what.output_fd])
        if prepare:
            prepare()
        launch.take_state(what)
        program = program or what.program()
        _refuse_if_open(program)
        launch.execute(what, program, what.environment)
    except LaunchError as refused:
        failure = refused
    except OSError as error:
        failure = launch.refusal(program, error)
    finally:
        launch.fail(tell, f"{failure.status} {failure.reason}")


def _hear(told: int) -> LaunchError | None:
    """Why the program was not executed; None if it was.  Only the child had the other end, so this does not block."""
    status, _, reason = os.read(told, 1 << 12).decode("utf-8", "surrogateescape").partition(" ")
    return LaunchError(int(status), reason) if status else None


def _refuse_if_open(program: str) -> None:
    """Raises LaunchError if others than root and our present user may write it."""
    words, remedy = trust.judge_status(program, os.stat(program))
    if words:
        raise LaunchError(126, f"{program}: {words}; run: {remedy}")
