"""Whose turn is it?  An operator's command that starts or stops a server without a monitor has its `turn`, a lock file.

Other operators wait for it, or two could start two copies.  A monitor that begins waits, too, before it looks for the
server; it has locked that by then, so the next operator finds it and leaves the server to it.

    operator   turn ── is there a monitor? no ── starts it, and writes the record ── end of turn
    monitor                        lock ── turn? taken, waits ·····················─▶ looks: adopts it

Source: flock(2), on close-on-exec descriptors; the end of a process ends its turn.
"""

from __future__ import annotations

import fcntl
import os

FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def take(directory: str) -> int:
    """Wait for our turn with the server that has this directory (STATE_DIR/servers/NAME).

    Returns the descriptor of the lock; close it at the end.  Raises OSError.
    """
    fd = os.open(f"{directory}/turn", os.O_RDWR | os.O_CREAT | FLAGS, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def is_taken(directory: str) -> bool:
    """Is an operator's command at work on it?"""
    try:
        fd = os.open(f"{directory}/turn", os.O_RDONLY | FLAGS)
    except OSError:
        return False  # no one has been at work without a monitor, or we may not know
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def await_end(directory: str, seconds: int) -> str:
    """Wait until no operator's command is at work on it, at most so long: one may have been stopped.

    For a child of ours, which this blocks.  Returns a text, for the loop.
    """
    import signal

    signal.signal(signal.SIGALRM, _late)
    signal.alarm(seconds)
    try:
        fd = os.open(f"{directory}/turn", os.O_RDONLY | FLAGS)
        fcntl.flock(fd, fcntl.LOCK_SH)
    except OSError:
        pass  # it does not end, or there is none
    return "over"


def _late(*_: object) -> None:
    raise TimeoutError
