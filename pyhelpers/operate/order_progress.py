"""How far is an order for many servers?  A line on the terminal, which makes room for each outcome.

    restart: 12 of 100 done, 8s; waiting for web@13

The line is that of base/progress.py: none on a pipe, and none within the first second.
"""

from __future__ import annotations

import sys
import time

from base.progress import Progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class OrderProgress:
    """Of one command.  number: of servers."""

    def __init__(self, word: str, number: int) -> None:
        self._word, self._number = word, number
        self._begun = time.monotonic()
        self._done: set[str] = set()
        self._line = Progress()

    def waits_for(self, name: str) -> None:
        """That server is what we wait for now.  Cheap: call it in each turn of a wait."""
        far = f" {len(self._done)} of {self._number} done," if self._number > 1 else ""
        self._line.show(f"{self._word}:{far} {time.monotonic() - self._begun:.0f}s; waiting for {name}")

    def done(self, name: str) -> None:
        """The order is over for that server, well or not."""
        self._done.add(name)

    def say(self, text: str, is_error: bool = False) -> None:
        """Print a line, in place of ours."""
        self._line.end()
        print(text, file=sys.stderr if is_error else sys.stdout, flush=True)

    def __enter__(self) -> OrderProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.end()
