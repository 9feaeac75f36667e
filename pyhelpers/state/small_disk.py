"""Under `run` the state directory is often a small file system in memory: keep no more output than has room there.

Servers would fill it otherwise: then nothing more of their output is kept, and no record can be written.
"""

from __future__ import annotations

import os

from base import figures
from config import settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.settle import Settled

PART = 2  # of the file system, output may take one part of so many
LEAST = 64 << 10  # bytes of one log
FEWEST = 1  # archives: a reader that is late finds there what was just cut off


def fit(found: Settled, state_dir: str) -> list[str]:
    """Lower output_max and output_keep where all kept logs together would take too much; return remarks for a person.

    state_dir: it need not exist yet.
    """
    room = _size(state_dir) // PART
    kept = [server for server in found.servers if server["output"] == settled.KEPT]
    if not kept or all(_most(server) for server in kept) and sum(map(_most, kept)) <= room:
        return []
    each = max(room // len(kept) // (FEWEST + 1), LEAST)
    is_lowered = False
    for server in kept:
        if not _most(server) or _most(server) > each * (FEWEST + 1):
            is_lowered = True
            server["output_max"], server["output_keep"] = each, min(server["output_keep"], FEWEST)
    has, most = figures.size(room * PART), figures.size(each)
    text = (
        f"{state_dir}: its file system has {has}; the output of a server is kept up to {most}, and {most} before that"
    )
    return [text] if is_lowered else []


def _most(server: dict[str, object]) -> int:
    """Bytes that its log may take with its archives; 0: there is no limit."""
    return int(str(server["output_max"])) * (int(str(server["output_keep"])) + 1)


def _size(path: str) -> int:
    """Bytes of the file system that it is on, or will be."""
    while True:
        try:
            status = os.statvfs(path)
        except FileNotFoundError:
            path = os.path.dirname(path)
            continue
        return status.f_blocks * status.f_frsize
