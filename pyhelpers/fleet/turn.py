"""One keeper a machine: STATE_DIR/keeper, which it holds locked.

    PID TICKS HELPER HELPER_TICKS BOOT NONCE

The keeper of a helper that has ended keeps its fences until the next keeper has read the leases, and has fences itself;
then that ends it.  The nonce is that of this boot: by it each keeper knows the beats of the last one as its own.
"""

from __future__ import annotations

import fcntl
import os
import time

from loop.kill_tree import signal_one
from proc import identity

MOST = 1024
PATIENCE = 1.0  # seconds: for one that was killed, or is ending
LOOK_EVERY = 0.01


def _words(text: str, boot: str) -> list[str]:
    """What the last keeper of this boot wrote; []: there was none."""
    words = text.split()
    return words if len(words) == 6 and words[4] == boot and all(word.isdigit() for word in words[:4]) else []


def nonce_of(state_dir: str, boot: str) -> str:
    """The nonce of this boot; "": no keeper has run in it, or we may not know."""
    try:
        with open(f"{state_dir}/keeper", encoding="ascii", errors="replace") as source:
            words = _words(source.read(MOST), boot)
    except OSError:
        return ""
    return words[5] if words else ""


class Taken(Exception):
    """The keeper of another monitor of this machine lives; the text is for people."""


class Turn:
    """The lock.  nonce: of this boot."""

    def __init__(self, state_dir: str, boot: str) -> None:
        """Raises OSError."""
        self._boot = boot
        self._fd = os.open(f"{state_dir}/keeper", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        words = _words(os.pread(self._fd, MOST, 0).decode("ascii", "replace"), boot)
        self._before = (int(words[0]), int(words[1])) if words else (0, 0)
        self._helper = (int(words[2]), int(words[3])) if words else (0, 0)
        self.nonce = words[5] if words else os.urandom(8).hex()

    def take(self) -> None:
        """Take it; end the last keeper, if its helper has ended or is ours.  Raises Taken, OSError."""
        if not self._try():
            helper, ticks = self._helper
            if helper not in (0, os.getppid()) and self._lives_on(helper, ticks):
                raise Taken(f"the monitor whose helper has pid {helper} keeps the singletons of this machine already")
            signal_one(*self._before, "KILL")
            self._wait()
        ours = (os.getpid(), identity.ticks_of(os.getpid()), os.getppid(), identity.ticks_of(os.getppid()))
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{' '.join(map(str, ours))} {self._boot} {self.nonce}\n".encode(), 0)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _lives_on(self, helper: int, ticks: int) -> bool:
        """One whose monitor has just ended needs a moment."""
        deadline = time.monotonic() + PATIENCE
        while identity.ticks_of(helper) == ticks:
            if time.monotonic() > deadline:
                return True
            time.sleep(LOOK_EVERY)
        return False

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._try():
            if time.monotonic() > deadline:
                raise Taken(f"the keeper with pid {self._before[0]} does not end")
            time.sleep(LOOK_EVERY)
