"""A fault of ours: an exception that no code expected, charged to the server for which we worked.

We write it to STATE_DIR/faults.log with its traceback, report it once for each place in the code, and count it.  We do
not use the module traceback, which would load the regular expressions, 1 MiB, into a resident process.
"""

from __future__ import annotations

import os
import time

from base.suite import PROGRAMS
from state.record import iso_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

LARGEST = 1 << 18  # bytes; then faults.log replaces faults.log.1
LONGEST = 200  # characters of the text of an exception


def place(error: BaseException) -> str:
    """The innermost place in our own code: `watch/lifecycle.py:181`."""
    found = ""
    for path, line, _ in _frames(error.__traceback__):
        found = f"{path}:{line}" if not path.startswith("/") else found
    return found or "?"


def words(error: BaseException) -> str:
    """Its class and its text, on one line."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:LONGEST])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def write(state_dir: str, whose: str, error: BaseException) -> None:
    """Add it to faults.log.  Raises nothing: on a full disk, the report to the person must suffice."""
    lines = [f"{iso_time(time.time())} {whose}: {words(error)}\n"]
    lines += [f"    {path}:{line} {function}\n" for path, line, function in _frames(error.__traceback__)]
    path = f"{state_dir}/faults.log"
    try:
        _turn_over(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
    except OSError:
        return
    try:
        os.write(fd, "".join(lines).encode("utf-8", "replace"))
    except OSError:
        pass
    finally:
        os.close(fd)


def _frames(traceback: TracebackType | None) -> list[tuple[str, int, str]]:
    """File, line and function of each frame, from the loop inwards."""
    found = []
    while traceback:
        code = traceback.tb_frame.f_code
        found.append((code.co_filename.removeprefix(f"{PROGRAMS}/"), traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return found


def _turn_over(path: str) -> None:
    try:
        if os.stat(path).st_size > LARGEST:
            os.replace(path, f"{path}.1")
    except FileNotFoundError:
        pass
