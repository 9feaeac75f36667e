"""The keeper of this machine's singletons, as the watcher sees it: it starts it, and speaks with it in lines.

The keeper (keeper.py, fleet/keeping.py) has the locks in etcd.  It is a process of its own, because a name server and
TLS may let it wait.  If it ends, we start another one, which goes on with the leases on disk.
"""

from __future__ import annotations

import os
import sys
import time

from base.suite import PROGRAMS
from state import lag, lease
from watch.fence import Fence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Home
    from proc.server import Server
    from watch.lifecycle import Life
    from watch.watcher import Watcher

SHARED = "fleet"  # its place in what the parts of a watcher share
FIRST_WAIT_MS = 100.0
LONGEST_WAIT_MS = 2000.0
AS_WANTED = ("RUNNING", "STANDBY", "STARTING", "STOPPING", "UNKNOWN")  # or soon


def of(life: Life) -> FleetLink | None:
    """The link of its watcher; None: it has none, as an operator's command."""
    found = life.watcher.shared.get(SHARED)
    return found if isinstance(found, FleetLink) else None


def tick(watcher: Watcher) -> None:
    """An interval has passed: have the fleet know how the servers of this machine are; look for what must not run."""
    link = watcher.shared.get(SHARED)
    figures = lag.read(watcher.run_dir)
    late = int(lag.worst(figures) * 100) * 10 if figures else 0
    states = [life.server.state for life in watcher.lives]
    up, fatal = states.count("RUNNING"), states.count("FATAL")
    if isinstance(link, FleetLink):
        link.counts(up, len(states) - up - fatal - states.count("STANDBY"), fatal, late)
        for life in watcher.lives:
            link.complain(life.server, life.account.want)
        for fence in link.fences.values():
            watcher.loop.on_behalf(fence.life, fence.seek)


class FleetLink:
    """fences: of each singleton, by its name.  lease: in seconds."""

    def __init__(self, watcher: Home, lives: list[Life], conf_dir: str, lease_ms: int) -> None:
        self._watcher = watcher
        self._loop = watcher.loop
        self._words = [watcher.run_dir, watcher.state_dir, conf_dir]
        self.lease = lease_ms / 1000
        self.fences = {life.server.name: Fence(life, self) for life in lives if "singleton" in life.server.vital}
        self._pipe = self._hear = -1
        self._pid = 0
        self._half = b""
        self._wait_ms = FIRST_WAIT_MS
        self._said: set[str] = set()
        self._is_lost = False
        self._silent_for, self._why = 0.0, ""  # etcd, as the keeper says
        self._counts = ""
        self._bad: dict[str, str] = {}
        self._obeyed: dict[str, Callable[..., None]] = {
            "held": self._held,
            "beat": self._beat,
            "lost": self._lost,
            "leave": self._leave,
            "elsewhere": self._elsewhere,
            "unclaimed": self._unclaimed,
            "silent": self._silent,
            "heard": self._heard,
        }
        watcher.shared[SHARED] = self
        for fence in self.fences.values():
            known = lease.read(fence.life.account.directory, watcher.boot)
            if known:
                fence.held(known.token, known.deadline, is_resumed=True)
        self._begin()

    # -- the process -----------------------------------------------------------------------------

    def _begin(self) -> None:
        told, tell = os.pipe()
        hear, said = os.pipe()
        program = [sys.executable, "-E", "-s", "-S", f"{PROGRAMS}/keeper.py", *self._words]
        ends = [(os.POSIX_SPAWN_DUP2, told, 0), (os.POSIX_SPAWN_DUP2, said, 1), (os.POSIX_SPAWN_DUP2, said, 2)]
        try:
            pid = os.posix_spawn(program[0], program, os.environ, file_actions=ends)
        except OSError as error:
            self._remark(f"the keeper cannot be started: {error.strerror}; it is tried again")
            os.close(tell)
            os.close(hear)
            self._again()
            return
        finally:
            os.close(told)
            os.close(said)
        os.set_blocking(tell, False)
        os.set_blocking(hear, False)
        self._pipe, self._hear, self._pid, self._half = tell, hear, pid, b""
        self._loop.errands.add(pid)
        self._loop.on_readable(hear, self.take_lines)
        for fence in self.fences.values():
            fence.introduce()
        self._counts, self._bad = "", {}

    def _again(self) -> None:
        self._loop.after(self._wait_ms, self._begin)
        self._wait_ms = min(2 * self._wait_ms, LONGEST_WAIT_MS)

    def take_lines(self) -> None:
        """Obey what it has said and we have not read yet, if any."""
        try:
            piece = os.read(self._hear, 1 << 16) if self._hear >= 0 else None
        except BlockingIOError:
            return
        if piece is None:
            return
        if not piece:
            self._ended()
            return
        *lines, self._half = (self._half + piece).split(b"\n")
        for line in lines:
            word, _, rest = line.decode("utf-8", "replace").partition(" ")
            if word in self._obeyed:
                self._obeyed[word](*rest.split(" "))
            else:
                self._remark(rest if word == "say" else f"keeper: {word} {rest}")

    def _ended(self) -> None:
        self._loop.forget(self._hear)
        self._loop.reap(self._pid)
        os.close(self._pipe)
        self._pipe = self._hear = -1
        self._again()

    def _remark(self, text: str) -> None:
        """Tell a person, each text once."""
        if text not in self._said:
            self._said.add(text)
            self._watcher.say(None, text)

    def order(self, line: str) -> None:
        """Send it a line; one that does not live hears all that counts when the next one begins."""
        if self._pipe >= 0:
            try:
                os.write(self._pipe, line.encode("utf-8", "surrogateescape") + b"\n")
            except OSError:
                pass  # it ends, or does not read: then its fences act without us, and ours without it

    def counts(self, up: int, down: int, fatal: int, late: int) -> None:
        """How many servers of this machine are so, and how late its monitor is, in ms."""
        line = f"here {up} {down} {fatal} {late}"
        if line != self._counts:
            self._counts = line
            self.order(line)

    def complain(self, server: Server, want: str) -> None:
        """Let all machines see that it is not as wanted, or that it is so again."""
        is_bad = server.state not in AS_WANTED and want == "up"
        text = f"{server.state} {server.message}" if is_bad else ""
        if self._bad.get(server.name, "") == text:
            return
        self._bad[server.name] = text
        self.order(f"bad {server.name} {time.time():.0f} {text}".rstrip() if text else f"fine {server.name}")

    # -- what it says ----------------------------------------------------------------------------

    def _of(self, name: str, call: Callable[..., None], *words: object) -> None:
        """A fault of one of them stays with its server."""
        self._loop.on_behalf(self.fences[name].life, call, *words)

    def _held(self, name: str, token: str, deadline: str) -> None:
        self._wait_ms = FIRST_WAIT_MS
        self._of(name, self.fences[name].held, int(token), int(deadline) / 1000)

    def _beat(self, deadline: str, *names: str) -> None:
        for name in names:
            self._of(name, self.fences[name].beat, int(deadline) / 1000)

    def _lost(self, name: str, how: str, *why: str) -> None:
        self._of(name, self.fences[name].lost, how, " ".join(why))

    def _leave(self, name: str, *why: str) -> None:
        self._watcher.emit("lost", self.fences[name].life.server, f"moved {' '.join(why)}")

    def _elsewhere(self, name: str, host: str) -> None:
        self._watcher.emit("elsewhere", self.fences[name].life.server, host)

    def _unclaimed(self, name: str) -> None:
        self._watcher.emit("unclaimed", self.fences[name].life.server, "-")

    def _silent(self, seconds: str, *why: str) -> None:
        self._silent_for, self._why = float(seconds), " ".join(why)
        if self._silent_for > self.lease:
            self._tell_lost()

    def explains(self) -> bool:
        """Is it etcd that does not answer?  Then people hear that once, and not of each singleton that ends by it."""
        if self._why:
            self._tell_lost()
        return bool(self._why)

    def _tell_lost(self) -> None:
        if not self._is_lost:
            self._is_lost = True
            text = f"fleet: no word from etcd for {self._silent_for:.0f} s, so no singleton runs here ({self._why})"
            self._watcher.emit("fleet", None, f"lost {text}")

    def _heard(self, seconds: str) -> None:
        self._why = ""
        if self._is_lost:
            self._is_lost = False
            text = f"fleet: etcd answers again, after {float(seconds):.0f} s"
            self._watcher.emit("fleet", None, f"back {text}")
