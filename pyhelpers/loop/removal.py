"""Remove a file whose end others wait for: if the disk refuses, try again."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.loop import Loop

TRY_AGAIN_MS = 200


def remove(loop: Loop, path: str, inode: int = 0) -> None:
    """Remove the file, now or as soon as that is possible.  inode: only the file with that number, 0: any."""
    try:
        found = os.stat(path, follow_symlinks=False).st_ino
    except OSError:
        found = 0
    try:
        if inode in (0, found):
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        loop.after(TRY_AGAIN_MS, lambda: remove(loop, path, found))
