"""One server: its line, its message in full, what happened to it lately, and what it writes, live."""

from __future__ import annotations

import time
from collections import deque

from base.cells import harmless, wrapped
from operate import table
from seeing import history_table, top_table
from seeing.child import Tail
from seeing.screen import title, whole
from seeing.table_page import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from operate.table import Row
    from seeing.recent_events import RecentEvents
    from seeing.screen import Line, Size

KEPT = 500  # lines of output
AGAIN = 5.0  # seconds: one without a log may get one
COLUMNS = [column for column in history_table.COLUMNS if column.head != "SERVER"]


class DetailPage:
    """row: of the server; follow: what tail.py gets to follow what that writes."""

    is_live = True
    hints = "Esc:back  Up,Down:scroll  ?:help  q:end"

    def __init__(self, row: Row, events: RecentEvents, follow: list[str]) -> None:
        self._row, self._events, self._follow = row, events, follow
        self.server: str = row["server"].kept_in
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._back = 0  # so many lines before the last one is the end of what is shown
        self._room = 1
        self._again = 0.0
        self._tail: Tail | None = None
        self._keys: dict[str, Callable[[], None]] = {
            "up": lambda: self._scroll(1),
            "down": lambda: self._scroll(-1),
            "pageup": lambda: self._scroll(self._room),
            "pagedown": lambda: self._scroll(-self._room),
            "home": lambda: self._scroll(KEPT),
            "end": lambda: self._scroll(-KEPT),
        }

    def screen(self, size: Size, foot: list[Line]) -> list[Line]:
        """All that is to be seen."""
        columns, height = size
        head = top_table.drawn([self._row], columns)
        message = harmless(self._row["message"] or "")
        if message and not head[1].text.endswith(message):
            head += plain(wrapped(message, columns), columns)
        head += [title("EVENTS", columns), *self._event_lines(columns), title("OUTPUT", columns)]
        self._room = max(height - len(head) - len(foot), 1)
        self._scroll(0)
        end = len(self._lines) - self._back
        shown = list(self._lines)[max(end - self._room, 0) : end]
        return whole(head, plain(shown, columns), foot, size)

    def _event_lines(self, columns: int) -> list[Line]:
        rows = [{"entry": entry} for entry in self._events.of(self._row["server"])]
        return plain(table.lines(COLUMNS, rows, columns)[1:], columns) if rows else plain(["-"], columns)

    def _scroll(self, lines: int) -> None:
        """So many lines up; what is added at the end does not move what is shown further up."""
        self._back = max(0, min(self._back + lines, len(self._lines) - self._room))

    def press(self, key: str) -> bool:
        """A key; False: this page has no use for it."""
        if key in self._keys:
            self._keys[key]()
        return key in self._keys

    def step(self) -> bool:
        """Is there anything new to be seen?"""
        if self._tail and self._tail.has_ended:
            self.close()
            self._again = time.monotonic() + AGAIN
        if not self._tail:
            if time.monotonic() < self._again:
                return False
            self._lines.clear()
            self._tail = Tail(self._follow, self._lines)
        before = len(self._lines)
        is_new = self._tail.step()
        if self._back:
            self._back += len(self._lines) - before
        return is_new

    def close(self) -> None:
        """It is no longer shown."""
        if self._tail:
            self._tail.close()
            self._tail = None
