"""Show on a terminal what a slow command does and how far it is; the line is gone when the command is done.

    with Progress() as progress:
        for number, name in enumerate(names):
            progress.show(f"{name}, {number} of {len(names)}")

The line is on standard error, from the first second on.  Nothing is shown on a pipe or with TERM=dumb.
Source: ECMA-48, EL.
"""

from __future__ import annotations

import os
import sys
import time

from base.cells import cut, harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

FIRST_AFTER = 1.0  # seconds; who waits for less needs no line
EVERY = 0.1  # seconds
ERRORS = 2  # the descriptor of standard error
USUAL_CELLS = 80
CLEAR = "\r\x1b[K"


class Progress:
    """One line.  It begins the first second when it is made."""

    def __init__(self) -> None:
        self._is_shown = False
        self._next = time.monotonic() + FIRST_AFTER if _is_seen() else float("inf")

    def show(self, text: str) -> None:
        """What is being done now; cheap, so call it as often as you like."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        self._write(CLEAR + cut(harmless(text), _cells() - 1))
        self._is_shown = True

    def end(self) -> None:
        """Remove the line."""
        if self._is_shown:
            self._is_shown = False
            self._write(CLEAR)

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            self._next = float("inf")  # the terminal has gone, or lacks a letter; the work goes on

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def _is_seen() -> bool:
    return os.isatty(ERRORS) and os.environ.get("TERM", "") not in ("", "dumb")


def _cells() -> int:
    try:
        return os.get_terminal_size(ERRORS).columns or USUAL_CELLS
    except OSError:
        return USUAL_CELLS
