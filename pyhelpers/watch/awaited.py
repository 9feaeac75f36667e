"""A start waits for what is not ours, and what `needs` names: an address, a file, a unit of systemd.

The kernel tells a child when a file appears (watch/absent_file.py).  No one tells us when another program listens, or
when a unit is active: we ask after half a second, then after twice that, at last once an interval.  Only a server that
has such needs loads this, and nothing here blocks: a connection is made without waiting, all else is a child's work.
"""

from __future__ import annotations

from base import url
from base.exits import FAILED
from base.places import NoAnswer
from config.needs import FILE, TCP, UNIT, address
from loop.hand import Hand
from watch import absent_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from health.connect import Call
    from loop.loop import Timer
    from watch.lifecycle import Life

FIRST_MS = 500.0
LONGEST_MS = 15_000.0  # where there is no interval, without a monitor
PATIENCE_MS = 5000.0  # of one look
TELL_AFTER_MS = 200.0  # a look that takes no longer is not worth a word
LOCALHOST = ("127.0.0.1", "::1")


class Awaited:
    """Calls then when all of it is there, unless it is cancelled.

    What was there may be gone when what comes after it is there: then all of it is looked at once more.
    """

    def __init__(self, life: Life, then: Callable[[], None]) -> None:
        self._life = life
        self._then = then
        self._loop = life.watcher.loop
        self._longest: float = life.watcher.interval_ms or LONGEST_MS
        self._pause = min(FIRST_MS, self._longest)
        self._at = 0
        self._told = ""
        self._is_second = False  # all before it was there, and one of them was waited for: all are looked at once more
        self._look: _Look | None = None
        self._again: Timer | None = None
        self._tell: Timer | None = None
        self._limit: Timer | None = None
        if not life.watcher.monitor:  # an operator waits, and no one else will try again
            self._limit = self._loop.after(life.server.timeout_ms, self._too_late)
        self._begin()

    def cancel(self) -> None:
        """Wait no longer."""
        if self._look:
            self._look.end()
            self._look = None
        for timer in (self._again, self._tell, self._limit):
            if timer:
                timer.cancel()

    def _begin(self) -> None:
        self._at = 0
        self._next()

    def _next(self) -> None:
        """Look at the next one."""
        needs = self._life.server.needs_elsewhere
        if self._at == len(needs):
            self.cancel()
            self._life.server.message = ""
            self._then()
            return
        self._tell = self._loop.after(TELL_AFTER_MS, self._tell_once)
        is_awaited = needs[self._at] == self._told
        self._look = _Look(self._life, needs[self._at], self._longest if is_awaited else 0.0, self._answer)

    def _answer(self, is_there: bool, may_wait: bool) -> None:
        """The look has ended.  may_wait: it waited for a change, or the next one does."""
        self._look = None
        if self._tell:
            self._tell.cancel()
        if is_there and may_wait and self._at and not self._is_second:
            self._is_second = True  # what came before it may be gone meanwhile
            self._begin()
            return
        if is_there:
            self._at += 1
            self._next()
            return
        self._is_second = False
        self._tell_once()
        self._again = self._loop.after(0.0 if may_wait else self._pause, self._begin)
        self._pause = min(self._pause * 2, self._longest)

    def _tell_once(self) -> None:
        life, need = self._life, self._life.server.needs_elsewhere[self._at]
        if need == self._told:
            return
        self._told = need
        life.account.become("STARTING", f"waits for {need}")
        life.account.mark_starting()
        life.watcher.say(life.server, f"waits for {need}")

    def _too_late(self) -> None:
        server = self._life.server
        need = server.needs_elsewhere[self._at]
        text = f"{need} is not there after {server.timeout_ms / 1000:g}s; a monitor would wait for it"
        self._life.start_failed(FAILED, text)


class _Look:
    """One look at one of them.  done: gets whether it is there, and whether it, or the next look, waits for a change.

    wait_ms: a look at a file may wait so long for it to appear.
    """

    def __init__(self, life: Life, need: str, wait_ms: float, done: Callable[[bool, bool], None]) -> None:
        self._loop = life.watcher.loop
        self._done: Callable[[bool, bool], None] | None = done
        self._call: Call | None = None
        self._hand: Hand | None = None
        self._ids = life.server.ids
        self._limit: Timer | None = None
        self._number = life.server.number
        shared = life.watcher.shared.setdefault("awaited", {})
        assert isinstance(shared, dict)
        self._stuck: dict[int, Hand] = shared  # the child of a server that did not answer in time
        if need.startswith(FILE):
            self._look_for_file(need[len(FILE) :], wait_ms)
        elif need.startswith(TCP):
            self._connect(*address(need))
        else:
            self._ask(lambda: _active(need[len(UNIT) :]))

    def end(self) -> None:
        """No one wants to know any more."""
        self._done = None
        self._rest()

    def _rest(self) -> None:
        if self._limit:
            self._limit.cancel()
        if self._call:
            self._call.end()
        if self._hand:
            self._hand.end()
        self._call = self._hand = self._limit = None

    def _say(self, is_there: bool, may_wait: bool = False) -> None:
        """Answer in the next turn of the loop: now, our constructor may not have returned."""
        self._loop.after(0, lambda: self._answer(is_there, may_wait))

    def _answer(self, is_there: bool, may_wait: bool) -> None:
        done, self._done = self._done, None
        self._rest()
        if done:
            done(is_there, may_wait)

    # -- an address ------------------------------------------------------------------------------

    def _connect(self, host: str, port: int) -> None:
        if host == "localhost":
            self._try(list(LOCALHOST), port)
        elif url.family(host):
            self._try([host], port)
        else:
            self._ask(lambda: _reached(host, port))  # a look-up of a name may take long

    def _try(self, hosts: list[str], port: int) -> None:
        """Connect to the first of these addresses that accepts."""
        from health.connect import Call

        host, *others = hosts

        def ended(error: int) -> None:
            if self._call:
                self._call.end()
                self._call = None
            if error and others and self._done:
                self._try(others, port)
            else:
                self._say(not error)

        try:
            self._limit = self._limit or self._loop.after(PATIENCE_MS, lambda: self._answer(False, False))
            call = Call(self._loop, host, port, ended)
        except OSError:
            ended(1)
            return
        if call.socket.fileno() >= 0 and self._done:
            self._call = call

    # -- a file, and what a child finds out ------------------------------------------------------

    def _look_for_file(self, path: str, wait_ms: float) -> None:
        try:
            is_there = absent_file.exists(path, self._ids)
        except NoAnswer:
            is_there, wait_ms = False, wait_ms or 1.0  # a child may block
        if is_there or not wait_ms:
            self._say(is_there, may_wait=not is_there)
        else:
            self._ask(lambda: absent_file.appears(path, self._ids, wait_ms / 1000), wait_ms)

    def _ask(self, work: Callable[[], str], wait_ms: float = 0.0) -> None:
        """Have a child do the work, which takes wait_ms, or no longer than an answer may take."""

        def heard(text: str) -> None:
            self._say(text == absent_file.THERE, wait_ms > 0 and text != "")

        def late() -> None:
            if self._hand:
                self._stuck[self._number] = self._hand
            self._say(False)

        stuck = self._stuck.get(self._number)
        try:
            if stuck and stuck.is_there:  # in the kernel, where no KILL reaches it: one of these is enough
                self._say(False)
            else:
                patience_ms = wait_ms + PATIENCE_MS
                self._hand = Hand(self._loop, work, heard, late, None, patience_ms, may_last=wait_ms > 0)
        except OSError:  # no process can be made
            self._say(False)


def _reached(host: str, port: int) -> str:
    import socket

    try:
        socket.create_connection((host, port), PATIENCE_MS / 1000 - 1).close()
    except OSError:
        return ""
    return absent_file.THERE


def _active(unit: str) -> str:
    """Ask systemctl(1); its exit status is 0 if the unit is active."""
    import subprocess

    words = ["systemctl", "is-active", "--quiet", "--", unit]
    null = subprocess.DEVNULL
    try:
        status = subprocess.run(
            words, stdin=null, stdout=null, stderr=null, timeout=PATIENCE_MS / 1000 - 1, check=False
        ).returncode
    except (OSError, subprocess.SubprocessError):
        return ""
    return "" if status else absent_file.THERE
