"""The keeper: it has the locks of this machine's singletons, and a fence for each.

The monitor's helper starts it, and speaks with it in lines.  It gives:

    want NAME                               the server is to run here, if no other machine has it
    armed NAME OWNER INVOCATION CGROUP      it is about to be executed: by whom, as what, in which cgroup (- for none)
    pid NAME PID TICKS SID SEEN             this is its process now, see proc/descent.py
    gone NAME                               that has ended, or is no longer the server
    fenced NAME                             the helper stops it, because its lease is about to end
    release NAME [bad]                      it has ended, or cannot run here: let another machine have it
    here UP DOWN FATAL LAG                  how many servers of this machine are so, and how late its monitor is, in ms
    bad NAME SINCE STATE TEXT · fine NAME   it is not as wanted, since a time of Unix; it is so again

and gets:

    held NAME TOKEN DEADLINE                it is ours until then, in ms since boot; TOKEN grows with each hold
    beat DEADLINE NAME...                   these are ours for longer
    lost NAME HOW WHY                       it is not ours; HOW: fenced taken twin
    leave NAME WHY                          an operator wants it elsewhere: stop it, then release it
    elsewhere NAME HOST                     who has it; - if none has, -down or -paused if none may
    unclaimed NAME                          it could not run here, and no other machine has taken it
    silent SECONDS WHY · heard SECONDS      etcd does not answer, and answers again, after so long
    say TEXT                                what a person should know

Its own end of the input means that the helper has ended: it beats no more, but the fences stay, until the next keeper
takes them over or their time has come.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any

from base.clock import boot_seconds
from fleet.bell import Bell
from fleet.fences import Fence
from fleet.unanswered import Deaths
from loop.leftovers import Dead
from state import lease, record
from state.paths import make_private, server_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fleet.lock import Lock
    from fleet.presence import Presence
    from fleet.worker import Worker
    from loop.loop import Loop
    from proc.server import Server

NONE = "-"
IN_TIME = "no word from etcd in time"
STILL = "it has ended, and the helper stands still"


class Keeping:
    """The main thread of the keeper: lines, fences, leases on disk.  It never waits for etcd."""

    def __init__(self, loop: Loop, servers: Sequence[Server], state_dir: str, boot: str, seconds: float) -> None:
        self._loop = loop
        self._boot = boot
        self._half = b""
        self._directories = {server.name: server_directory(state_dir, server.kept_in) for server in servers}
        self.fences = {server.name: Fence(server, seconds) for server in servers}
        self._deaths = Deaths(loop, seconds * 1000, self._unanswered)
        self._tokens: dict[str, int] = {}
        self._news: deque[tuple[Any, ...]] = deque()
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._bell = Bell()
        self.has_helper = True
        self._worker: Worker | None = None
        self._presence: Presence | None = None
        self._told: dict[str, Callable[..., None]] = {
            "held": self._held,
            "beat": self._beat,
            "lost": self._lost,
            "leave": self._leave,
            "elsewhere": self._elsewhere,
            "unclaimed": self._unclaimed,
            "silent": self._silent,
            "heard": self._heard,
            "say": self._remark,
        }
        self._words: dict[str, Callable[..., None]] = {
            "want": self._want,
            "armed": self._armed,
            "pid": self._pid,
            "gone": self._gone,
            "fenced": self._fenced_by_helper,
            "release": self._release,
            "here": self._here,
            "bad": self._bad,
            "fine": self._fine,
        }
        loop.on_readable(self._bell.fd, self._rung)
        loop.on_readable(self._woken, self._take_news)

    def hear(self, worker: Worker, presence: Presence | None) -> None:
        """Begin to listen to the helper."""
        self._worker, self._presence = worker, presence
        self._loop.on_readable(0, self._take_lines)

    def tell(self, *news: object) -> None:
        """What the worker has to tell; it calls this in its own thread."""
        self._news.append(news)
        try:
            os.write(self._wake, b"\0")
        except BlockingIOError:
            pass  # it is awake

    def resume(self, lock: Lock) -> None:
        """Go on with what the last keeper of this boot had; call it before the worker starts."""
        for name, directory in self._directories.items():
            known = lease.read(directory, self._boot)
            if known:
                lock.claims[name].token, lock.claims[name].is_wanted = known.token, True
                self._recall(self.fences[name], directory)
                self._held(name, known.token, known.deadline)

    def _recall(self, fence: Fence, directory: str) -> None:
        """Its process, as its record has it."""
        try:
            known = record.read(directory)
        except record.Torn:
            return
        dead = Dead.of_record(fence.server, known, self._boot) if known else None
        if dead:
            fence.armed(dead.invocation, dead.owner, dead.cgroup)
            fence.is_now(dead.pid, dead.ticks, dead.sid, dead.seen)

    # -- from the worker -------------------------------------------------------------------------

    def _take_news(self) -> None:
        try:
            os.read(self._woken, 1 << 12)
        except BlockingIOError:
            pass
        while self._news:
            word, *rest = self._news.popleft()
            self._told[str(word)](*rest)

    def _held(self, name: str, token: int, deadline: float) -> None:
        self._tokens[name] = token
        self.fences[name].held(deadline)
        self._note(name)
        self._say(f"held {name} {token} {int(deadline * 1000)}")
        self._set()

    def _beat(self, deadline: float, names: Sequence[str]) -> None:
        ours = [name for name in names if self.fences[name].deadline and not self.fences[name].has_begun()]
        for name in ours:
            self.fences[name].deadline = deadline
            self._note(name)
        if ours:
            self._say(f"beat {int(deadline * 1000)} {' '.join(ours)}")
        self._set()

    def _lost(self, name: str, how: str, why: str) -> None:
        """Another machine has it: what runs here is stopped now, and killed when its time comes."""
        if not self._tokens.pop(name, 0):
            return  # the helper knows that
        lease.remove(self._directories[name])
        if self.fences[name].deadline and not self.fences[name].has_begun():
            self.fences[name].begin(self.has_helper)
        self._say(f"lost {name} {how} {why}")
        self._set()

    def _leave(self, name: str, why: str) -> None:
        self._say(f"leave {name} {why}")

    def _elsewhere(self, name: str, host: str) -> None:
        self._say(f"elsewhere {name} {host}")

    def _unclaimed(self, name: str) -> None:
        self._say(f"unclaimed {name}")

    def _silent(self, seconds: float, why: str) -> None:
        self._say(f"silent {seconds:.1f} {why}")

    def _heard(self, seconds: float) -> None:
        self._say(f"heard {seconds:.1f}")

    def _remark(self, text: str) -> None:
        self._say(f"say {text}")

    def _note(self, name: str) -> None:
        """Write the lease, for the next monitor; if the disk refuses, that knows of an earlier end, and is as safe."""
        try:
            make_private(self._directories[name])
            lease.write(
                self._directories[name], lease.Lease(self._tokens[name], self.fences[name].deadline), self._boot
            )
        except OSError:
            pass

    # -- from the helper -------------------------------------------------------------------------

    def _take_lines(self) -> None:
        piece = os.read(0, 1 << 16)
        if not piece:
            self._orphaned()
            return
        *lines, self._half = (self._half + piece).split(b"\n")
        for line in lines:
            word, *rest = line.decode("utf-8", "surrogateescape").split(" ")
            self._words[word](*rest)

    def _order(self, *words: str) -> None:
        if self._worker:
            self._worker.order(*words)

    def _want(self, name: str) -> None:
        self._order("want", name)

    def _armed(self, name: str, owner: str, invocation: str, *cgroup: str) -> None:
        self.fences[name].armed(invocation.strip(NONE), int(owner), " ".join(cgroup).strip(NONE))

    def _pid(self, name: str, pid: str, ticks: str, sid: str, seen: str) -> None:
        self.fences[name].is_now(int(pid), int(ticks), int(sid), int(seen))
        self._deaths.follow(name, int(pid), int(ticks))

    def _gone(self, name: str) -> None:
        self._deaths.answered(name)

    def _unanswered(self, name: str) -> None:
        """It is not started again here, so another machine shall have it when the lease is over."""
        if self.fences[name].deadline and not self.fences[name].has_begun():
            self.fences[name].begin(False)
            self._fenced(name, STILL)
            self._set()

    def _fenced_by_helper(self, name: str) -> None:
        if self.fences[name].deadline:
            self.fences[name].begin(True, is_stopping=True)
        self._give_up(name)
        self._set()

    def _release(self, name: str, *bad: str) -> None:
        self.fences[name].deadline = 0.0
        self._tokens.pop(name, None)
        lease.remove(self._directories[name])
        self._order("release", name, *bad)
        self._set()

    def _here(self, up: str, down: str, fatal: str, late: str) -> None:
        if self._presence:
            self._presence.shows({"up": int(up), "down": int(down), "fatal": int(fatal)}, int(late))

    def _bad(self, name: str, since: str, state: str, *message: str) -> None:
        if self._presence:
            self._presence.complains(name, {"state": state, "since": since, "message": " ".join(message)})

    def _fine(self, name: str) -> None:
        if self._presence:
            self._presence.complains(name, None)

    def _orphaned(self) -> None:
        self._loop.ignore(0)
        self.has_helper = False
        if self._presence:
            self._presence.end()
        self._order("orphan" if self._is_armed() else "end")
        self._set()

    # -- the fences ------------------------------------------------------------------------------

    def _is_armed(self) -> bool:
        return any(fence.deadline for fence in self.fences.values())

    def _set(self) -> None:
        """Have the bell ring when the next fence is due."""
        dues = [fence.due(self.has_helper) for fence in self.fences.values() if fence.deadline]
        self._bell.ring_at(min(dues, default=0.0))
        if not dues and not self.has_helper:
            self._order("end")
            self._end_with_worker()

    def _end_with_worker(self) -> None:
        """Nothing is left to be fenced; what is being released may still take a moment."""
        if (self._worker and self._worker.is_alive()) or (self._presence and self._presence.is_alive()):
            self._loop.after(100, self._end_with_worker)
        else:
            self._loop.ended = True

    def _rung(self) -> None:
        self._bell.heard()
        now = boot_seconds()
        for name, fence in self.fences.items():
            if not fence.deadline or now < fence.due(self.has_helper):
                continue
            is_first = not fence.has_begun()
            if fence.act(self.has_helper) or is_first:
                self._fenced(name)
        self._set()

    def _fenced(self, name: str, why: str = IN_TIME) -> None:
        """Its stop has begun, or its end has come."""
        if name in self._tokens:
            self._give_up(name)
            self._say(f"lost {name} fenced {why}")

    def _give_up(self, name: str) -> None:
        """It is not ours any more."""
        self._tokens.pop(name, None)
        lease.remove(self._directories[name])
        self._order("drop", name)

    def _say(self, line: str) -> None:
        """Tell the helper; if it does not read, the fences do not wait for it."""
        if self.has_helper:
            try:
                os.write(1, line.encode("utf-8", "surrogateescape") + b"\n")
            except OSError:
                pass
