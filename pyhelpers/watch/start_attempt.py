"""One attempt to start a server: end what is in the way, set its logs aside, launch it, identify it.

The exit status of a launcher proves nothing.  The attempt has succeeded when a process with the server's
identity lives, listens on the port if there is one, and has stayed up for start_seconds.
"""

from __future__ import annotations

import os
import time

from base.exits import FAILED, NOT_INSTALLED, Refused
from base.programs import LaunchError
from loop import cgroups, descendants
from loop.deadline import Patience
from loop.leftovers import Dead, end_leftovers, look_at_orphans, reap
from loop.terminate import Ending, could_not_end
from proc import cause, descent, evidence, identity, ports
from watch import departure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loop.loop import Timer
    from watch.awaited import Awaited
    from watch.lifecycle import Life

LONGEST_PAUSE_MS = 200
FOLLOW_AGAIN_MS = 20
STDOUT = 1  # ours is that of the monitor


class Start:
    """The attempt; it calls started(), start_failed() or adopt() of its life, once."""

    def __init__(self, life: Life, dead: Dead, since: float) -> None:
        self._life = life
        self._server = life.server
        self._watcher = life.watcher
        self._loop = life.watcher.loop
        self._dead = dead
        self._since = since  # the death or the order that this answers, on the monotonic clock
        self._pid = self._ticks = 0  # of the process that we launched
        self._over = False
        self._identified = False
        self._pause = 1.0
        self._look: Timer | None = None
        self._deadline: Patience | None = None
        self._departure: departure.Departure | None = None  # the child that is about to become the server
        self._awaited: Awaited | None = None  # what is not ours

    def cancel(self) -> None:
        """Stop all looks and waits; a result that still comes changes nothing."""
        self._over = True
        self._rest()
        self._loop.errands.discard(self._pid)  # if it is still to be followed
        if self._awaited:
            self._awaited.cancel()
        if self._departure:
            self._departure.cancel()
            self._departure = None

    def forsake(self) -> None:
        """A fault of ours ends the attempt: what we launched and do not follow must end before another one starts."""
        account, pid = self._life.account, self._pid
        if pid and not self._server.pid and account.dead.pid != pid:
            account.dead = Dead.of_launch(self._server, pid, self._ticks or identity.ticks_of(pid))
            account.dead.is_stuck = True

    def _rest(self) -> None:
        if self._look:
            self._look.cancel()
        if self._deadline:
            self._deadline.end()
            self._deadline = None

    def resume(self) -> None:
        """An earlier watcher launched it, and we follow it already: wait until it counts as started."""
        self._identified = True
        self._wait_at_most(self._server.timeout_ms)
        self._look_again()

    # -- the way is cleared ----------------------------------------------------------------------

    def begin(self, search: bool) -> None:
        """End what the dead process left behind; then go on.

        search: then search the process table for the server; before, we might take a leftover for it.
        """
        then = self._unless_over(self._search if search else self._await_needs)
        if self._dead.is_stuck:
            who = [(self._dead.pid, self._dead.ticks)]
            Ending(self._loop, who, self._server.stop, lambda stuck: self._ended_at_last(stuck, then))
        else:
            self._end_leftovers(then)

    def _ended_at_last(self, stuck: list[int], then: Callable[[], None]) -> None:
        """The process of the last attempt outlived its end; a second copy beside it would be worse than none."""
        if self._over:
            return
        self._dead.is_stuck = bool(stuck)
        if stuck:
            self._life.start_failed(FAILED, could_not_end(stuck[0]))
        else:
            self._end_leftovers(then)

    def _end_leftovers(self, then: Callable[[], None]) -> None:
        def ended(stuck: list[int]) -> None:
            self._life.account.say_all("leftovers", [could_not_end(pid) for pid in stuck])
            then()

        end_leftovers(self._watcher, self._server, self._dead, ended)

    def _unless_over(self, then: Callable[[], None]) -> Callable[[], None]:
        """Call then only if no order has ended the attempt meanwhile."""
        return lambda: None if self._over else then()

    def _search(self) -> None:
        self._watcher.want_scan(self._life, self._unless_over(self._await_needs))

    def _await_needs(self) -> None:
        """What is not ours must be there, if conf says so; servers that must run first are the shell's business."""
        if not self._server.needs_elsewhere:
            self._check_port()
            return
        from watch import awaited

        self._awaited = awaited.Awaited(self._life, self._unless_over(self._check_port))

    def _check_port(self) -> None:
        port, home = self._server.port, self._watcher.psutil_home
        held = self._held()
        if port and held.issuperset(ports.listening(port)):
            port = 0  # only we listen there, for this server
        if port:
            self._loop.errand(lambda: _holder(port, home, held), self._port_held)
        else:
            self._launch()

    def _held(self) -> set[int]:
        """Inodes of the sockets that we hold for it."""
        held = self._watcher.held
        return held.inodes(self._server) if held else set()

    def _port_held(self, holder: str) -> None:
        if self._over:
            return
        pid, _, _ = holder.partition(" ")
        is_of_another = bool(pid) and int(pid) in self._watcher.followed  # an instance may look like this one
        process = identity.look(int(pid)) if pid and not is_of_another else None
        if process and self._dead.left(process):
            again = self._unless_over(self._check_port)
            Ending(self._loop, [(process.pid, process.ticks)], self._server.stop, lambda stuck: again())
        elif process and not evidence.objection_to(process, self._server, self._watcher.directories):
            self._life.adopt(process, "scan")
        elif not self._held().issuperset(ports.listening(self._server.port)):
            from proc import scan

            self._life.start_failed(FAILED, scan.held(self._server.port, holder))
        else:
            self._launch()

    # -- launched --------------------------------------------------------------------------------

    def _launch(self) -> None:
        server = self._server
        self._life.account.mark_starting()
        self._life.health.prepare()
        try:
            self._equip()
            started = departure.at_once(server)
            if not started:
                self._departure = departure.Departure(self._loop, server, self._left, self._refused, self._silent)
        except Refused as refused:
            self._refused(refused)
            return
        except LaunchError as failure:
            self._refused(Refused(NOT_INSTALLED, failure.reason))
            return
        finally:
            os.chdir("/")  # hold no server's file system
        if started:
            self._left(started)

    def _equip(self) -> None:
        """Give the launch what is made anew for each.  Raises Refused."""
        server = self._server
        if self._watcher.held:
            server.launch.ends = self._ends()
        server.launch.output_fd = self._output()
        server.invocation = server.launch.mark()
        server.cgroup = cgroups.fresh(self._watcher, server.name) if server.launch.in_cgroup else ""
        server.oom_kills = 0
        server.launch.cgroup = server.cgroup if server.launch.caps else ""
        if "singleton" in server.vital:
            from watch import fence

            fence.arm(self._life)

    def _ends(self) -> list[tuple[str, int]]:
        """The descriptors that are held for it.  Raises Refused."""
        assert self._watcher.held
        return self._watcher.held.hand_over(self._server)

    def _output(self) -> int:
        """A descriptor of ours for its output; -1: launch.output says where it goes."""
        server = self._server
        if server.keeps_output:
            return self._watcher.kept_output.descriptor(server)
        if server.logger:
            from watch import logger

            return logger.descriptor(self._watcher, server)
        return STDOUT if server.shares_output and self._watcher.monitor else -1

    def _refused(self, refused: Refused) -> None:
        self._departure = None
        cgroups.retire(self._watcher, self._server.launch.cgroup)
        self._life.start_failed(refused.status, str(refused))

    def _silent(self, path: str, child: int) -> None:
        self._departure = None
        self._life.unanswered(path, child)

    def _left(self, departed: departure.Departed) -> None:
        self._departure = None
        self._server.program = departed.program
        self._server.moved_logs = departed.moved
        self._life.afar.started()
        self._follow_launched(departed.pid)
        self._life.account.say_all("logs", departed.remarks)

    def _follow_launched(self, pid: int) -> None:
        self._pid, self._ticks = pid, identity.ticks_of(pid)  # a zombie has them too, and only we reap it
        is_followed = self._follows(pid)
        if not is_followed and cause.of_child(pid, reap=False) is None:
            self._follow_later(pid)
            return
        self._loop.errands.discard(pid)
        if not is_followed:
            self._life.account.dead = Dead.of_launch(self._server, pid, self._ticks)
            cgroups.retire(self._watcher, self._server.cgroup)
            self.ended(reap(self._watcher, self._life.account.dead))
            return
        self._life.account.write()
        if not self._server.launch.cgroup:  # else it is there already
            cgroups.take_in(self._watcher, self._server.cgroup, pid, self._ticks)
        self._wait_at_most(self._server.timeout_ms)
        self._look_again()

    def _follows(self, pid: int) -> bool:
        process = identity.look(pid)
        try:
            return process is not None and self._life.follow(process, "own", "launched")
        except OSError:
            if time.monotonic() - self._since > self._server.timeout_ms / 1000:
                raise  # what lasts so long is a fault, which people are told
            return False

    def _follow_later(self, pid: int) -> None:
        """It lives, but cannot be looked at or waited for: no descriptor is left, or no memory."""
        self._loop.errands.add(pid)  # do not reap it with the orphans
        self._look = self._loop.after(FOLLOW_AGAIN_MS, lambda: self._follow_launched(pid))

    def ended(self, why: str) -> None:
        """What we launched has ended: did it fork into the background, or fail?"""
        if why == "exit 0":
            process, source, _ = evidence.named(self._server, self._watcher.directories)
            process = process or self._descendant()
            if process and self._life.follow(process, source or "own", "launched"):
                self._identified = True
                self._life.account.write()
                self._look_again()
                return
            if self._is_at_work():
                self._wait_for_daemon()
                return
        self._fail(f"it ended while it started ({why})", why)

    def _fail(self, text: str, why: str = "", stuck: Sequence[str] = ()) -> None:
        """What we launched has failed: report it, with the reason that it printed.  stuck: what could not be ended."""
        self._rest()

        def report(reason: str) -> None:
            if not self._over:
                self._life.start_failed(FAILED, "; ".join([text + reason, *stuck]), why)

        self._watcher.last_words.failed(self._server, self._ticks, report)

    def _is_at_work(self) -> bool:
        """Does a process live that our launched process left behind, or may have left?  A wait for it is harmless.

        One that is ending shows no mark, and its child is not ours yet; so the second look counts as much as the first.
        """
        dead = self._life.account.dead
        look_at_orphans(self._watcher, dead)
        young = [orphan for orphan in self._watcher.orphans() if orphan.ticks >= self._ticks]
        return bool(dead.kids) or any(descent.mark(each.pid, each.ticks) in ("", dead.invocation) for each in young)

    def _wait_for_daemon(self) -> None:
        """A leftover lives: wait until it is the server, a pidfile names one, it ends, or the time is over.

        We may have taken the launched process for the server until it ended, so identify again.
        """
        self._identified = False
        if not self._deadline:
            self._wait_at_most(self._server.timeout_ms)
        self._look_again()

    def _descendant(self) -> identity.Process | None:
        """The daemon that our launched process left behind: as subreaper we are the parent of orphans.

        We know it by identity, as a scan does: a program may overwrite its environment, and then proves no descent.
        """
        server, others = self._server, self._watcher.directories
        young = [orphan for orphan in self._watcher.orphans() if orphan.ticks >= self._ticks]
        fit = [orphan for orphan in young if not evidence.objection_to(orphan, server, others)]
        return min(fit, key=lambda process: process.ticks, default=None)

    # -- known for certain -----------------------------------------------------------------------

    def _look_again(self) -> None:
        """Is it identified, and its port open?  If not, look again, a little later each time."""
        if self._look:
            self._look.cancel()
        self._identified = self._identified or self._identify() or self._stays_up()
        if self._identified and not self._missing():
            self._succeed_later()
        elif not self._server.pid and not self._is_at_work():
            self._fail("all that it started has ended; see its own log")
        else:
            self._pause = min(self._pause * 2, LONGEST_PAUSE_MS)
            self._look = self._loop.after(self._pause, self._look_again)

    def look_now(self) -> None:
        """Something has changed: look now, if we are still waiting."""
        if self._deadline and self._server.pid:
            self._look_again()

    def extend(self, milliseconds: float) -> None:
        """Give it at least so much time from now."""
        if self._deadline and not self._deadline.lasts(milliseconds):
            self._wait_at_most(milliseconds)

    def _wait_at_most(self, milliseconds: float) -> None:
        if self._deadline:
            self._deadline.end()
        self._deadline = Patience(self._loop, milliseconds, self._timed_out)

    def _missing(self) -> str:
        """What it lacks to count as started, though it is identified; "" if nothing."""
        port = self._server.port
        if port and not ports.listening(port):
            return f"port {port} is not open"
        return self._life.health.missing()

    def _identify(self) -> bool:
        server = self._server
        if server.pid and any(source[0] == "own" for source in server.sources):
            return True
        process, source, remarks = evidence.named(server, self._watcher.directories)
        self._life.account.say_all("evidence", remarks)
        self._life.afar.look()
        if not process and not server.pid:
            process, source = self._descendant(), "own"
        if not process:
            return False
        if process.pid == server.pid:
            server.source = source
            return True
        return self._life.follow(process, source, "launched")

    def _stays_up(self) -> bool:
        """Does our launched process live and show the identity?  Then it is the server, without pidfile or log."""
        server = self._server
        process = identity.look(server.pid) if server.pid and self._life.age() * 1000 >= server.start_ms else None
        return process is not None and not evidence.objection_to(process, server, self._watcher.directories)

    def _succeed_later(self) -> None:
        """It will count as started after start_seconds; note now how long the restart took."""
        if self._deadline:
            self._deadline.end()
            self._deadline = None
        self._life.outage.end()
        took_ms = (time.monotonic() - self._since) * 1000
        rest_ms = max(0, self._server.start_ms - self._life.age() * 1000)
        self._look = self._loop.after(rest_ms, lambda: self._life.started(took_ms))

    def _timed_out(self) -> None:
        server = self._server
        seconds = server.timeout_ms / 1000
        if not server.pid:
            self._fail(f"no process of it after {seconds:g}s; see pid_from, and its own log")
            return
        if not self._identified:
            self._identified = True  # it lives, even if no pidfile names it
            self._watcher.say(server, f"no pidfile names it after {seconds:g}s; followed as pid {server.pid}")
        missing = self._missing()
        if missing:
            self._end_it(f"{missing} after {seconds:g}s")

    def _end_it(self, text: str) -> None:
        server = self._server
        self._rest()
        who = [(server.pid, server.ticks)]
        descendants.remember(self._watcher, server)
        self._life.unfollow()
        Ending(self._loop, who, server.stop, lambda stuck: self._failed(text, stuck))

    def _failed(self, text: str, stuck: list[int]) -> None:
        if self._over:
            return
        self._life.account.dead.is_stuck = bool(stuck)
        self._fail(text, stuck=[*map(could_not_end, stuck)])


def _holder(port: int, psutil_home: str, not_these: set[int]) -> str:
    """As scan.holder(), for an errand: only the child loads it."""
    from proc import scan

    return scan.holder(port, psutil_home, not_these)
