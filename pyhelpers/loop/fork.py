"""Fork, and soon afterwards make our memory quick to write again.

After a fork every page of ours is write-protected, and the first write to each is a fault: some 250 of them made the
next restart slower by 0.8 ms, 3.0 instead of 2.2.  So we take these faults ahead, when nothing waits for us: we collect
garbage, for which Python writes to each object that may hold others.

Source: fork(2), "copy-on-write pages"; Modules/gcmodule.c of CPython: update_refs().
"""

from __future__ import annotations

import gc
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.loop import Loop

AFTER_MS = 100  # by then most children have become what they are to be, or have ended: few pages must be copied


def fork(loop: Loop) -> int:
    """As os.fork(); forks that follow soon share what is done for them.  Raises OSError."""
    pid = os.fork()
    if pid and not loop.is_shared:
        loop.is_shared = True
        loop.after(AFTER_MS, lambda: _own(loop))
    return pid


def _own(loop: Loop) -> None:
    loop.is_shared = False
    gc.collect()
