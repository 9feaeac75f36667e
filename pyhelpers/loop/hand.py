"""A hand: a child that touches a file system which may not answer, and which we abandon when it takes too long.

Even KILL may not end a process that waits for a dead NFS server or for a stopped FUSE daemon.  So the loop never waits
for the child itself: a pipe brings its answer, and a pidfd its end.
"""

from __future__ import annotations

import os

from loop.fork import fork
from loop.loop import END, KILL
from spawn.launch import close_all_but

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from base.ids import Ids
    from loop.loop import Loop

PATIENCE_MS = 5000
LOOK_MS = 1000  # if no descriptor is left to wait with


class Hand:
    """One look: it passes its text to done, or calls late, once.  is_there: true until its process is gone.

    One that is killed has not answered, whatever it has written.

    may_last: it waits long, so it ends with us, and when we execute another program.
    work: runs in the child, as the user ids if we are root and ids is given.  kept: descriptors that it needs.
    Raises OSError: no child can be made.
    """

    def __init__(
        self,
        loop: Loop,
        work: Callable[[], str],
        done: Callable[[str], None],
        late: Callable[[], None],
        ids: Ids | None = None,
        patience_ms: float = PATIENCE_MS,
        kept: Sequence[int] = (),
        may_last: bool = False,
    ) -> None:
        self._loop = loop
        self._done = done
        self._late = late
        self._heard = b""
        self._is_over = False
        self._told, tell = os.pipe()
        try:
            self._pid = fork(loop)
        except OSError:
            os.close(self._told)
            os.close(tell)
            raise
        if self._pid == 0:
            _work(work, ids, tell, kept, may_last)
        os.close(tell)
        self.is_there = True
        loop.errands.add(self._pid)
        if may_last:
            loop.groups.add(self._pid)
        loop.on_readable(self._told, self._hear)
        self._timer = loop.after(patience_ms, self._too_late)
        when_gone(loop, self._pid, self._gone)

    def _hear(self) -> None:
        piece = os.read(self._told, 1 << 16)
        self._heard += piece
        if piece:
            return
        self._rest()
        text, end, _ = self._heard.decode("utf-8", "surrogateescape").rpartition(END)
        if end:
            self._done(text)
        else:
            self._late()

    def hurry(self, patience_ms: float) -> None:
        """From now on it has so long."""
        self._timer.cancel()
        self._timer = self._loop.after(patience_ms, self._too_late)

    def _too_late(self) -> None:
        self._rest()
        kill(self._pid)
        self._late()

    def end(self) -> None:
        """No one wants its answer any more."""
        if not self._is_over:
            self._rest()
            kill(self._pid)

    def _rest(self) -> None:
        self._is_over = True
        self._timer.cancel()
        self._loop.forget(self._told)

    def _gone(self) -> None:
        self.is_there = False
        self._loop.groups.discard(self._pid)


def when_gone(loop: Loop, pid: int, then: Callable[[], None] | None = None) -> None:
    """Reap our child as soon as it has ended, drop it from the errands, and call then."""

    def look() -> None:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is None:
            loop.after(LOOK_MS, look)
            return
        loop.errands.discard(pid)
        if then:
            then()

    def ended() -> None:
        loop.forget(pidfd)
        look()

    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        loop.after(LOOK_MS, look)
        return
    loop.on_readable(pidfd, ended)


def kill(pid: int) -> None:
    """Kill our child; we have not reaped it, so no other process has its number."""
    try:
        os.kill(pid, KILL)
    except OSError:
        pass  # it became another user's, and then it is not ours to end


def _work(work: Callable[[], str], ids: Ids | None, tell: int, kept: Sequence[int], leads_group: bool) -> None:
    try:
        if leads_group:
            os.setsid()
        close_all_but([tell, *kept])
        if ids and os.getuid() == 0:
            ids.become()
        try:
            text = work()
        except Exception:
            text = ""  # it has found nothing
        raw = (text + END).encode("utf-8", "surrogateescape")
        while raw:
            raw = raw[os.write(tell, raw) :]
    finally:
        os._exit(0)
