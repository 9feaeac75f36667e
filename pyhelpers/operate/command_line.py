"""What operators' command lines share: the exit status, errors, and --timeout."""

from __future__ import annotations

import errno
import io
import os
import sys

from base.exits import FAILED, INTERRUPTED, NO_PERMISSION, USAGE, Refused
from config import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

LOOK_EVERY = 0.01  # seconds; only a command that waits for a change of a record polls
DEFAULT_TIMEOUT = 60.0  # seconds


def timeout_of(words: list[str]) -> tuple[float, list[str]]:
    """The seconds of a leading --timeout, else the default, and the other words.  Raises Refused."""
    if words[:1] == ["--timeout"]:
        return _seconds(words[1] if len(words) > 1 else ""), words[2:]
    return DEFAULT_TIMEOUT, words


def _seconds(text: str) -> float:
    from config.values import duration

    try:
        milliseconds = duration()(text)
    except ValueError as error:
        raise Refused(USAGE, f"--timeout: {error}") from None
    return float(str(milliseconds)) / 1000


class _Unprinted(OSError):
    """Standard output takes no more."""


class _Output(io.FileIO):
    """Standard output, whose errors can be told from those of files."""

    def write(self, raw: ReadableBuffer) -> int | None:  # type: ignore[override]
        """Raises _Unprinted."""
        try:
            return super().write(raw)
        except OSError as error:
            raise _Unprinted(error.errno, error.strerror) from None


def _named(old: io.TextIOWrapper) -> io.TextIOWrapper:
    """The same standard output, as an _Output."""
    buffer = io.BufferedWriter(_Output(old.fileno(), "w", closefd=False))
    return io.TextIOWrapper(buffer, old.encoding, old.errors, line_buffering=old.line_buffering)


def _not_printed(error: _Unprinted, status: int) -> int:
    """Report it; return status, or FAILED."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python would try again at its end
    if error.errno != errno.EPIPE:  # the reader (such as head) has closed the pipe
        print(f"standard output: {error.strerror}", file=sys.stderr)
    return status or FAILED


def _printed(status: int) -> int:
    """Flush stdout; return status, or FAILED if that fails."""
    try:
        sys.stdout.flush()
    except _Unprinted as error:
        return _not_printed(error, status)
    return status


def end(obey: Callable[[], int]) -> int:
    """Run obey and return the exit status: its result, or that of its error, which we print."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # it is not if the descriptor is closed
        sys.stdout = _named(sys.stdout)
    try:
        return _printed(obey())
    except settle.ConfError as error:
        print("\n".join(error.lines), file=sys.stderr)
        return error.status
    except Refused as refused:
        print(refused, file=sys.stderr)
        return refused.status
    except _Unprinted as error:
        return _not_printed(error, FAILED)
    except PermissionError as error:
        print(f"{error.filename}: {error.strerror}; be its owner", file=sys.stderr)
        return NO_PERMISSION
    except OSError as error:
        if not error.filename:
            raise
        print(f"{error.filename}: {error.strerror}; mend that, or name another place with -s or -c", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
