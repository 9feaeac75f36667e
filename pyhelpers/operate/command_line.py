"""What the command lines of operators have in common: their end, and how long they wait."""

from __future__ import annotations

import os
import sys

from base.exits import FAILED, INTERRUPTED, NO_PERMISSION, USAGE, Refused
from config import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_EVERY = 0.01  # seconds: the operator waits for a record to change, nothing else does
DEFAULT_TIMEOUT = 60.0  # seconds


def timeout_of(words: list[str]) -> tuple[float, list[str]]:
    """Seconds of a leading --timeout, and the words behind it.  Raises Refused."""
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


def _printed(status: int) -> int:
    """The status; where what was said could not be written, that of a failure, and Python has nothing more to write."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # who reads it has seen enough
            print(f"standard output: {error.strerror}", file=sys.stderr)
        return status or FAILED
    return status


def end(obey: Callable[[], int]) -> int:
    """The exit status of a command line: what obey returns, or that of its refusal, which is said."""
    try:
        return _printed(obey())
    except settle.ConfError as error:
        print("\n".join(error.lines), file=sys.stderr)
        return error.status
    except Refused as refused:
        print(refused, file=sys.stderr)
        return refused.status
    except PermissionError as error:
        print(f"{error.filename}: {error.strerror}; be its owner", file=sys.stderr)
        return NO_PERMISSION
    except KeyboardInterrupt:
        return INTERRUPTED
