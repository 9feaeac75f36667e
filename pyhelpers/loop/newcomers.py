"""Notice that a file has been moved into a directory, as base/files.py does with whole files.

Source: inotify(7).  The number of inotify instances is limited for a user and for a container, so this may fail.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.loop import Loop

IN_MOVED_TO = 0x80
READ = 1 << 16  # bytes; we do not parse them: the directory shows which files came


def on_newcomers(loop: Loop, directory: str, call: Callable[[], None]) -> None:
    """Make the call whenever a file has come.  Raises OSError: inotify is not available."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if fd < 0 or libc.inotify_add_watch(fd, os.fsencode(directory), IN_MOVED_TO) < 0:
        error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), directory)
        if fd >= 0:
            os.close(fd)
        raise error

    def come() -> None:
        os.read(fd, READ)
        call()

    loop.on_readable(fd, come)
