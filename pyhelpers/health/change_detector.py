"""Does it beat?  Judged by change alone: what a beat leaves behind (an atime, an mtime) is never compared with a clock.

A clock that is set an hour forward makes every beat look an hour old; so the time that counts is that which has passed
on the watcher's own monotonic clock since it saw the last change.
"""

from __future__ import annotations

RESOLUTION = 1.0  # s: an atime in whole seconds does not show a second beat within one


class Pulse:
    """What was seen of one that beats.

    mark: what its last beat left.  since: when that was first seen, in seconds of the watcher's clock.
    beaten: was it seen to change?
    """

    __slots__ = ("beaten", "mark", "since")

    def __init__(self, mark: object, now: float) -> None:
        self.mark = mark
        self.since = now
        self.beaten = False

    def see(self, mark: object, now: float) -> bool:
        """Look again; has it beaten since?"""
        if mark == self.mark:
            return False
        self.mark, self.since, self.beaten = mark, now, True
        return True

    def silent(self, now: float) -> float:
        """Seconds without a beat, as far as was looked."""
        return now - self.since
