"""Pass pieces of bytes from one watcher to the next one in the same process, over exec(2), in a memory file.

We do not use a file in RUN_DIR: a full disk must not lose an order.  Source: memfd_create(2).
"""

from __future__ import annotations

import os

NOTHING = -1


def put(pieces: list[bytes]) -> int:
    """Keep these pieces; return the descriptor for take() after the exec, or NOTHING if there is no memory."""
    try:
        fd = os.memfd_create("handover", 0)
    except OSError:
        return NOTHING
    try:
        for piece in pieces:
            os.write(fd, b"%d\n%b" % (len(piece), piece))
    except OSError:
        os.close(fd)
        raise
    return fd


def drop(fd: int) -> None:
    """Forget what was kept: there was no exec."""
    if fd != NOTHING:
        os.close(fd)


def take(fd: int) -> list[bytes]:
    """The pieces that put() kept; closes the descriptor."""
    if fd == NOTHING:
        return []
    with open(fd, "rb") as source:
        source.seek(0)
        pieces = []
        while size := source.readline():
            pieces.append(source.read(int(size)))
    return pieces
