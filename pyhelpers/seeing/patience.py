"""Ask something of each of many processes, when one that does not let us look must not hide the others.

To count what a process maps, the kernel takes the lock of its memory map, and a process that is stuck in a page fault
keeps it.  So a child looks, and what does not come in time is left out.
"""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS = 2.0  # for one look
MOST_SILENT = 5  # looks in a row for which we wait


def each(look: Callable[[int], int], items: Sequence[int], seconds: float = SECONDS) -> dict[int, int]:
    """The results of look for these items, without those that do not come within so many seconds.  Raises OSError."""
    found: dict[int, int] = {}
    left = list(items)
    for _ in range(MOST_SILENT):
        if not left:
            break
        answers = _answers(look, left, seconds)
        found.update(zip(left, answers))
        left = left[len(answers) + 1 :]  # the one behind the last answer is silent
    return found


def _answers(look: Callable[[int], int], items: list[int], seconds: float) -> list[int]:
    """Those that come one after another, each in time."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        _look_at(look, items, tell)
    os.close(tell)
    heard = b""
    deadline = time.monotonic() + seconds
    while heard.count(b"\n") < len(items) and select.select([told], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(told, 1 << 16)
        if not piece:
            break
        heard += piece
        deadline = time.monotonic() + seconds
    os.close(told)
    os.kill(pid, 9)
    os.waitpid(pid, os.WNOHANG)  # it may be stuck; when we end, init reaps it
    return [int(line) for line in heard.split(b"\n")[:-1]]


def _look_at(look: Callable[[int], int], items: list[int], tell: int) -> None:
    try:
        for item in items:
            os.write(tell, b"%d\n" % look(item))
    finally:
        os._exit(0)
