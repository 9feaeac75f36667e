"""Fork; the child copies no page without need, and soon afterwards our own memory is quick to write again.

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
    """As os.fork(), but the child collects no garbage, and we do so when no fork has followed for a while.

    Raises OSError.
    """
    pid = os.fork()
    if pid == 0:
        gc.disable()
        return 0
    if loop.owning:
        loop.owning.cancel()  # it takes 2 ms, in which a log that is cut again and again would grow too large
    loop.owning = loop.after(AFTER_MS, lambda: _own(loop))
    return pid


def _own(loop: Loop) -> None:
    loop.owning = None
    gc.collect()
