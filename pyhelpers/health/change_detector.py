"""Does it beat?  Only a change counts: we never compare the mark of a beat (an atime, an mtime) with a clock.

If someone sets the clock an hour forward, every beat looks an hour old.  So we count the time that has passed on the
watcher's own monotonic clock since it saw the last change.
"""

from __future__ import annotations

RESOLUTION = 1.0  # s: an atime in whole seconds does not show a second beat within one


class Pulse:
    """The pulse of one server, as far as we saw it.

    mark: what its last beat left behind.  since: when we first saw that mark, in seconds of the watcher's clock.
    beaten: have we seen the mark change?
    """

    __slots__ = ("beaten", "mark", "since")

    def __init__(self, mark: object, now: float) -> None:
        self.mark = mark
        self.since = now
        self.beaten = False

    def see(self, mark: object, now: float) -> bool:
        """Take in a new mark; has it beaten since the last one?"""
        if mark == self.mark:
            return False
        self.mark, self.since, self.beaten = mark, now, True
        return True

    def silent(self, now: float) -> float:
        """Seconds without a beat, as far as we looked."""
        return now - self.since
