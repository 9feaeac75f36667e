"""heartbeat = notify: a server reports about itself by sd_notify(3), as it would to systemd.

    READY=1                     it may count as started; STARTING until then, within start_timeout
    STATUS=…                    shown by status
    MAINPID=N                   from now on we follow that process of the server
    WATCHDOG=1                  it serves; from the first one on we judge it by heartbeat_timeout, its WATCHDOG_USEC;
                                so do later watchers: its record tells that it beats
    WATCHDOG=trigger            it reports itself that it does not serve
    WATCHDOG_USEC=N             another timeout
    STOPPING=1, RELOADING=1     shown by status; we no longer judge a server that is stopping
    EXTEND_TIMEOUT_USEC=N       it may take so long from now to start, to beat, or to end
    BARRIER=1                   we close the descriptors that came with it

We need proof that the sender descends from the server, see loop/descendants.py, and so does the process that MAINPID
names.  If the sender is gone when we look, as `systemd-notify` may be, its user is enough, the server's or root:
otherwise a healthy server might never count as ready, and that user may end it without us too.

We do not set WATCHDOG_PID: without it a program uses the other two variables, and a server that forks keeps them.
"""

from __future__ import annotations

import os
import time

from health.notifysocket import NotifySocket, address_of, kept
from health.vitals import Vital
from loop import awake_clock, descendants
from proc import identity
from proc.descent import Descent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Followed
    from loop.loop import Timer
    from proc.server import Server

LONGEST_STATUS = 200  # characters
LONGEST_TIME = 24 * 86400.0  # seconds; a longer time makes no sense
MOST_EARLY = 32  # messages


def equip(server: Server, directory: str) -> str:
    """Set the address, and the timeout if there is one, for the next launch; return the address.  Raises OSError."""
    address = address_of(directory)
    environment = dict(server.launch.environment, NOTIFY_SOCKET=address)
    timeout_ms = server.vital.get("heartbeat_timeout")
    if timeout_ms:
        environment["WATCHDOG_USEC"] = str(int(timeout_ms) * 1000)
    server.launch.environment = environment
    return address


class Notify(Vital):
    """Listens to one server, for as long as the watcher lives.

    The socket stays open between its processes: a new process may send before we follow it, and a process that we stop
    may ask for more time.
    """

    def __init__(self, life: Followed) -> None:
        super().__init__(life)
        self._socket: NotifySocket | None = None
        self._root = self._ticks = 0  # the process that we follow, or followed
        self._descent = Descent()
        self._followed = False
        self._waiting = False  # for READY=1
        self._moving = False
        self._said_once: set[str] = set()
        self._early: list[tuple[int, int, bytes | None]] = []  # messages that came before we followed the process
        self._status = self._doing = ""
        self._timeout = 0.0  # seconds
        self._deadline = 0.0  # on the clock of loop/awake_clock.py; 0: we do not judge it
        self._heard = 0.0  # monotonic seconds, of the last beat; 0: there was none
        self._hung = False
        self._timer: Timer | None = None
        self.other: Callable[[int, int, bytes | None], bool] | None = None  # hears first; False: it was for us
        self._timeout_is(int(life.server.vital.get("heartbeat_timeout") or 0) / 1000)
        self._obeyed = {  # in this order: first which process it is, then what that does
            "MAINPID": self._main_pid,
            "WATCHDOG_USEC": lambda text: self._timeout_is(_seconds(text)),
            "EXTEND_TIMEOUT_USEC": self._extend,
            "STATUS": self._status_is,
            "RELOADING": lambda text: self._is_doing("reloading", text),
            "READY": self._ready,
            "STOPPING": self._stopping,
            "WATCHDOG": self._beat,
        }

    # -- its processes come and go ---------------------------------------------------------------

    def prepare(self) -> None:
        """Listen before it can send."""
        try:
            self._listen()
            equip(self.life.server, self.life.account.directory)
        except OSError as error:
            self._unheard(error)
        self._forget()
        self._early.clear()
        self._root = self._ticks = 0
        # If we have no socket, do not wait for READY: it cannot come.
        self._waiting = self._socket is not None and self._socket.is_open()

    def _listen(self) -> None:
        if not self._socket:
            address = address_of(self.life.account.directory)
            watcher = self.home
            self._socket = NotifySocket(watcher.loop, kept(watcher), address, self._hear, self._unheard)

    def _unheard(self, error: OSError) -> None:
        self._say_once("socket", f"its socket: {error.strerror}; what it says is not heard")

    def listen_with(self, first: Notify) -> None:
        """Hear what our process sends to the socket of another vital, until that sets other to None."""
        first._listen()
        self._socket = first._socket
        first.other = lambda pid, uid, text: self._hear_beside(first, pid, uid, text)

    def _hear_beside(self, first: Notify, pid: int, uid: int, text: bytes | None) -> bool:
        """Is it for us, and not for first?"""
        if self._root:
            return self._is_kin(pid, uid) and self._hear(pid, uid, text)
        return not first._descends(pid) and self._keep(pid, uid, text)

    def _forget(self) -> None:
        """Forget the messages of its last process."""
        self._said_once.clear()
        self._status = self._doing = ""

    def begin(self, fresh: bool) -> None:
        """Judge this process now."""
        try:
            self._listen()
        except OSError as error:
            self._unheard(error)
        server = self.life.server
        self._root, self._ticks = server.pid, server.ticks
        self._descent = Descent.of(server)
        self._followed = True
        self._deadline, self._hung, self._heard = 0.0, self.life.health.is_reported("hung"), 0.0
        if not fresh and not self._moving:
            self._waiting = False
            self._forget()
            if self.life.account.beats == self._beats() and self._timeout and not self._hung:
                self._deadline = self._now() + self._timeout  # it has beaten for an earlier watcher
        if fresh and self._early:
            self.home.loop.after(0, self._hear_early)

    def missing(self) -> str:
        """READY=1, if it has not come, or not since RELOADING=1."""
        return "no READY=1" if self._waiting or self._doing == "reloading" else ""

    def serving(self) -> None:
        """It is RUNNING: judge it from now on; a beat during the start does not count."""
        self._waiting = False
        self._show()
        if self._deadline:
            self._deadline = self._now() + self._timeout
            if not self._timer:
                self._expect()

    def figures(self) -> tuple[tuple[str, float], ...]:
        """When it beat last."""
        return (("last_beat_timestamp_seconds", time.time() - time.monotonic() + self._heard),) if self._heard else ()

    def end(self) -> None:
        """Stop judging it."""
        self._followed = False
        self._deadline = 0.0
        if self._timer:
            self._timer.cancel()
            self._timer = None

    # -- messages --------------------------------------------------------------------------------

    def _hear_early(self) -> None:
        early, self._early = self._early, []
        for message in early:
            self._hear(*message)

    def _hear(self, pid: int, uid: int, text: bytes | None) -> bool:
        if self.other and self.other(pid, uid, text):
            return True
        if not self._root:  # it has never run here, or becomes the server just now, and we have not heard of that
            self._keep(pid, uid, text)
            return False
        if not self._is_kin(pid, uid):
            self._say_once("stranger", f"pid {pid} (uid {uid}) is no process of it; what it says is ignored")
            return False
        if text is None:
            self._say_once("length", "a message of more than 4096 bytes; ignored")
        else:
            self._obey(text)
        return True

    def _keep(self, pid: int, uid: int, text: bytes | None) -> bool:
        """Keep it until we follow the process; False: no user of the server has sent it."""
        if not self._may_be_its_user(uid):
            return False
        if len(self._early) < MOST_EARLY:
            self._early.append((pid, uid, text))
        return True

    def _is_kin(self, pid: int, uid: int) -> bool:
        if pid and identity.ticks_of(pid):
            # By now another user's process may have the pid of the real sender
            return self._descends(pid) and (pid == self._root or uid in (0, *identity.uids(pid)))
        return self._may_be_its_user(uid)

    def _may_be_its_user(self, uid: int) -> bool:
        server = self.life.server
        return uid >= 0 and uid in (0, os.geteuid(), server.owner, server.ids.uid if server.ids else 0)

    def _descends(self, pid: int) -> bool:
        server = self.life.server
        if server.pid == self._root:
            self._descent = Descent.of(server)
        return descendants.belongs(self.home, pid, self._root, self._ticks, self._descent)

    def _obey(self, text: bytes) -> None:
        said: dict[str, str] = {}
        for line in text.split(b"\n"):
            key, equals, value = line.decode("utf-8", "replace").partition("=")
            if equals:
                said.setdefault(key, value)
        for key, obey in self._obeyed.items():
            if key in said:
                obey(said[key])

    def _say_once(self, kind: str, text: str) -> None:
        """Report it, each kind once while the process lives: a flood of them means no more than one."""
        if kind not in self._said_once:
            self._said_once.add(kind)
            self.home.say(self.life.server, f"notify: {text}")

    # -- what it says of itself ------------------------------------------------------------------

    def _ready(self, text: str) -> None:
        if text != "1":
            return
        self._is_doing("", "1")
        if self._waiting:
            self._waiting = False
            self.life.look_now()

    def _stopping(self, text: str) -> None:
        self._is_doing("stopping", text)
        if text == "1":
            self._deadline = 0.0

    def _is_doing(self, word: str, text: str) -> None:
        if text == "1" and self._doing != word:
            self._doing = word
            self._show()

    def _status_is(self, text: str) -> None:
        self._status = "".join(c if c.isprintable() else " " for c in text[:LONGEST_STATUS]).strip()
        self._show()

    def _show(self) -> None:
        if self._followed:
            self.life.health.remark(self, ": ".join(word for word in (self._doing, self._status) if word))

    def _main_pid(self, text: str) -> None:
        """Follow the process that it names, if that is a process of the server: else it could name any."""
        server = self.life.server
        if not self._followed or self.life.account.ending or text == str(self._root):
            return  # we are ending a hung server, and its successor in MAINPID ends too
        process = identity.look(int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else None
        if not process or not self._may_be_main(process):
            self._say_once("MAINPID", f"MAINPID={text[:20]!a} is no living process of it; ignored")
            return
        made, self._moving = server.sid, True
        try:
            if self.life.phase == "starting":
                self.life.follow(process, "own", "launched", made)
            else:
                self.life.adopt(process, "own", "moved", made)
            self.life.account.write()
        finally:
            self._moving = False

    def _may_be_main(self, process: identity.Process) -> bool:
        return process.pid not in self.home.followed and self._descends(process.pid)

    # -- does it serve? --------------------------------------------------------------------------

    def _timeout_is(self, seconds: float) -> None:
        if seconds:
            self._timeout = seconds
            awake_clock.of(self.home).for_times_of(seconds)

    def _now(self) -> float:
        return awake_clock.of(self.home).now()

    def _beat(self, text: str) -> None:
        if text == "trigger" and self._followed:
            self._is_hung("it said WATCHDOG=trigger")
        elif text == "1" and self._followed and self._timeout and self._doing != "stopping":
            self._heard = time.monotonic()
            if self._hung:
                self._hung = False
                self.life.health.cleared("hung", "it beats again")
            self._deadline = max(self._deadline, self._now() + self._timeout)
            if not self._timer:
                self._expect()
            self._note_beat()

    def _note_beat(self) -> None:
        """Let later watchers know that silence means something, once for each process."""
        account = self.life.account
        if account.beats != self._beats():
            account.beats = self._beats()
            account.write()

    def _beats(self) -> str:
        """Our process, as the record names one that beats."""
        return f"{self._root}:{self._ticks}"

    def _expect(self) -> None:
        """Look again at the deadline; each beat moves it on."""
        left = self._deadline - self._now()
        self._timer = self.loop.after(left * 1000 + 1, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._deadline or self._hung:
            return
        if self._now() < self._deadline:
            self._expect()
        elif self._waiting or self.life.phase != "up":
            self._deadline = self._now() + self._timeout
            self._expect()
        else:
            self._is_hung(f"no beat for {self._timeout:g}s")

    def _is_hung(self, text: str) -> None:
        self._hung = True
        self._deadline = 0.0
        self.life.health.hung(text)

    def _extend(self, text: str) -> None:
        """It may take so long from now, whatever it is doing."""
        seconds = _seconds(text)
        if self._deadline:
            self._deadline = max(self._deadline, self._now() + seconds)
        if seconds:
            self.life.extend(seconds * 1000)


def _seconds(microseconds: str) -> float:
    """The time in seconds; 0.0 if the text is no valid number."""
    if not microseconds.isascii() or not microseconds.isdigit() or len(microseconds) > 18:
        return 0.0
    return min(int(microseconds) / 1e6, LONGEST_TIME)
