"""heartbeat = channel: the server beats over its daemon socket; after three silences in a row it is hung.

The protocol is that of a daemon with a Listener and a Manager: datagrams of 64 bytes,

    struct StatusMessage { int module; int pid; int args[14]; };

module is positive (1 Listener, 2 Manager) and the same in all beats of a process.  After heartbeat_timeout without a
beat we print a warning; the third time the server is hung.  Then it gets the shutdown message (module = -10 times its
own, args[0] = -25, args[3] = -41, args[10] = -99, all others zero) and SHUTDOWN_MS to end by itself.
"""

from __future__ import annotations

import _socket
import struct
import time

from health.vitals import Vital
from loop import let_go

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Followed
    from loop.loop import Timer

MESSAGE = struct.Struct("=16i")
WARNINGS = 3
TIMEOUT_MS = 5000
SHUTDOWN_MS = 5000
MOST_A_LOOK = 64  # messages; if a server sends more, we read again only when the next look is due
LATE = 1.0  # seconds: if a timer is later than this, we assume that we slept ourselves


def shutdown_message(module: int) -> bytes:
    """The message for a process whose beats have that module; 0: it never sent a beat."""
    args = [0] * 14
    args[0], args[3], args[10] = -25, -41, -99
    return MESSAGE.pack(-10 * (module or 1), 0, *args)


class ChannelBeat(Vital):
    """The beats of one server."""

    def __init__(self, life: Followed) -> None:
        super().__init__(life)
        self._timeout = int(life.server.vital["heartbeat_timeout"] or TIMEOUT_MS) / 1000
        self._every = int(life.server.vital["channel_every"]) / 1000
        self._socket: _socket.socket | None = None
        self._silence: Timer | None = None
        self._rest: Timer | None = None  # while we do not read a server that sends too much
        self._afresh()

    def _afresh(self) -> None:
        self._module = 0
        self._args = ""
        self._heard = time.monotonic()
        self._warnings = 0
        self._doubts: set[str] = set()
        self._look_began = 0.0
        self._looked_at = 0
        self._is_receiving = False  # a child receives what brings descriptors

    # -- a process comes and goes ----------------------------------------------------------------

    def begin(self, fresh: bool) -> None:
        """Listen to it.  A server that someone else started has no daemon socket."""
        self.end()
        self._afresh()
        if self.life.health.is_reported("hung"):
            self._warnings = WARNINGS
        held = self.home.held
        fd = held.ours(self.life.server.name) if held else -1
        if fd >= 0:
            self._socket = _socket.socket(fileno=fd)
            self.loop.on_readable(fd, self._listen)

    def serving(self) -> None:
        """From now on it must beat."""
        if self._socket:
            self._heard = time.monotonic()
            if self._warnings < WARNINGS:
                self._wait(self._timeout)

    def tick(self) -> None:
        """Show people its last message."""
        if self._module:
            self.life.health.remark(self, f"module {self._module}, args {self._args}")

    def figures(self) -> tuple[tuple[str, float], ...]:
        """When it beat last, if it has."""
        return (("last_beat_timestamp_seconds", time.time() - time.monotonic() + self._heard),) if self._module else ()

    def farewell(self) -> list[str]:
        """Send the shutdown message to a hung server; a healthy one is ended by the steps of `stop`."""
        if self._warnings < WARNINGS or not self._socket:
            return []
        try:
            self._socket.send(shutdown_message(self._module), _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
        except OSError:
            return []  # its socket is full: it has not read earlier messages
        return [str(SHUTDOWN_MS), "KILL"]

    def end(self) -> None:
        """Stop listening; the socket stays open, because the next process gets the same one."""
        for timer in (self._silence, self._rest):
            if timer:
                timer.cancel()
        if self._socket:
            if not self._rest and not self._is_receiving:
                self.loop.ignore(self._socket.fileno())
            self._socket.detach()
        self._socket = self._silence = self._rest = None

    # -- messages --------------------------------------------------------------------------------

    def _listen(self) -> None:
        now = time.monotonic()
        if now - self._look_began > self._every:
            self._look_began, self._looked_at = now, 0
        while self._looked_at < MOST_A_LOOK:
            message = self._receive()
            if message is None:
                return
            self._looked_at += 1
            self._take(message)
        self._doubt("flood", f"floods its daemon socket: {MOST_A_LOOK} messages within {self._every * 1000:.0f}ms")
        assert self._socket
        self.loop.ignore(self._socket.fileno())
        self._rest = self.loop.after(self._every * 1000, self._listen_again)

    def _listen_again(self) -> None:
        self._rest = None
        if self._socket:
            self.loop.on_readable(self._socket.fileno(), self._listen)

    def _receive(self) -> bytes | None:
        """The next message, cut behind one byte too many; None: there is none, or it brings descriptors."""
        if not self._socket:
            return None
        try:
            text, _, flags, _ = self._socket.recvmsg(MESSAGE.size + 1, 0, let_go.FLAGS | _socket.MSG_PEEK)
            if not flags & _socket.MSG_CTRUNC:
                self._socket.recvmsg(0, 0, let_go.FLAGS)
                return text
        except OSError:
            return None
        self._doubt("rights", "sends descriptors over its daemon socket; no beats")
        self._let_go(self._socket)
        return None

    def _let_go(self, socket: _socket.socket) -> None:
        """Have a child receive what brings descriptors; then wait as after a flood."""
        self._is_receiving = True

        def received() -> None:
            if self._socket is socket:
                self._is_receiving = False
                self._rest = self.loop.after(self._every * 1000, self._listen_again)

        let_go.receive(self.loop, socket, 0, lambda control: True, MOST_A_LOOK, received)

    def _take(self, message: bytes) -> None:
        if len(message) != MESSAGE.size:
            self._doubt("size", f"a message on its daemon socket is not {MESSAGE.size} bytes long; no beat")
            return
        module, _, *args = MESSAGE.unpack(message)
        if module <= 0 or module != (self._module or module):
            self._doubt("module", f"a message on its daemon socket is of module {module}; no beat")
            return
        self._heard = time.monotonic()
        self._args = " ".join(map(str, args))
        if not self._module:
            self._module = module
            self.tick()
        if self._warnings:
            self._recovered()

    def _recovered(self) -> None:
        was, self._warnings = self._warnings, 0
        if was == WARNINGS:
            self.life.health.cleared("hung", "it beats again")
            self._wait(self._timeout)

    def _doubt(self, kind: str, text: str) -> None:
        """Report it, once for a process."""
        if kind not in self._doubts:
            self._doubts.add(kind)
            self.home.say(self.life.server, text)

    # -- silence ---------------------------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        if self._silence:
            self._silence.cancel()
        self._silence = self.loop.after(seconds * 1000, self._silent)

    def _silent(self) -> None:
        """A wait is over: was there a beat meanwhile?"""
        late = time.monotonic() - self._heard - self._timeout * (self._warnings + 1)
        if late > LATE:
            self._heard += late  # we slept ourselves, and the server may have slept too
        if late < 0 or late > LATE:
            self._wait(self._timeout if late > 0 else -late)
            return
        self._warnings += 1
        silence = f"no beat for {self._timeout * self._warnings:g}s"
        if self._warnings == WARNINGS:
            self.life.health.hung(silence)
            return
        self.home.say(self.life.server, f"{silence} (warning {self._warnings} of {WARNINGS})")
        self._wait(self._timeout)
