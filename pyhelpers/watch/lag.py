"""How late are we?  Measured at the end of each interval's look, when we are awake anyway; for others: state/lag.py."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watch.late_told import LagHost, LagPost

WIDTH = 79  # five figures, of which none will ever need more than 15 places
LOOP, MAILBOX = 5.0, 30.0  # seconds from which on it is reported
LATE, INTERVALS = 15.0, 3  # the same for a late look: beyond both


class Lag:
    """Of one watcher."""

    def __init__(self, host: LagHost, post: LagPost) -> None:
        self._host, self._post = host, post
        self._last = self._mark_at = time.monotonic()
        self._mark = self._missed = 0  # mark: how much had been sent at mark_at; all before it was read then, or is
        self._is_told = False

    def look(self) -> None:
        """An interval's look is over."""
        host, now = self._host, time.monotonic()
        late = max(0.0, now - self._last - host.interval_ms / 1000)
        self._last = now
        self._missed += int(late * 1000) // host.interval_ms
        turn, host.loop.longest = host.loop.longest, 0.0
        if host.shell.sent - host.shell.unread_bytes() >= self._mark:
            self._mark, self._mark_at = host.shell.sent, now
        mailbox = now - self._mark_at
        figures = (turn * 1000, mailbox * 1000, late * 1000, self._missed, time.time())
        try:
            _write(f"{host.run_dir}/lag", " ".join(map(str, map(round, figures))))
        except OSError:
            pass  # a full disk; what reads it sees by the time that it is old
        is_late = turn > LOOP or mailbox > MAILBOX or late > max(LATE, INTERVALS * host.interval_ms / 1000)
        if is_late != self._is_told:
            from watch import late_told

            self._is_told = is_late
            late_told.tell(host, self._post, is_late, turn, mailbox, late)


def _write(path: str, figures: str) -> None:
    """In place, a line of one length: to replace it makes ext4 write it to the disk at once, and we would wait."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, figures.ljust(WIDTH).encode() + b"\n")
    finally:
        os.close(fd)
