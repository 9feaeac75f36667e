"""The table of all servers: the first page of `top`."""

from __future__ import annotations

import time

from base.cells import cut
from operate.folded import count
from operate.status_table import summary
from seeing import top_table
from seeing.screen import Line, marked, title, warning, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from seeing.screen import Size
    from seeing.view import View

FAR = 1 << 30  # rows


class TablePage:
    """view: the rows; remarks: those of the last look."""

    is_live = False
    hints = "Enter:details  s:sort  g:tags  /:filter  ?:help  q:end"

    def __init__(self, view: View) -> None:
        self.view = view
        self.remarks: list[str] = []
        self._page = 1
        self._keys: dict[str, Callable[[], None]] = {
            "up": lambda: view.move(-1),
            "down": lambda: view.move(1),
            "pageup": lambda: view.move(-self._page),
            "pagedown": lambda: view.move(self._page),
            "home": lambda: view.go_to(0),
            "end": lambda: view.go_to(FAR),
            "s": view.next_order,
        }

    @property
    def server(self) -> str:
        """kept_in of the chosen server, "" for none."""
        row = self.view.chosen()
        return row["server"].kept_in if row else ""

    def screen(self, size: Size, foot: list[Line]) -> list[Line]:
        """All that is to be seen."""
        columns, height = size
        foot = [*(warning(remark, columns) for remark in self._few_remarks(height)), *foot]
        self._page = max(height - 2 - len(foot), 1)
        rows, chosen = self.view.window(self._page)
        head, *body = top_table.drawn(rows, columns, top_table.longest_name(self.view.shown))
        if body:
            body[chosen] = marked(body[chosen], columns)
        return whole([title(self._title(), columns), head], body, foot, size)

    def _few_remarks(self, height: int) -> list[str]:
        """At most a quarter of the lines; how many are not shown stands in the title."""
        return self.remarks[: height // 4]

    def _title(self) -> str:
        view = self.view
        words = [time.strftime("%H:%M:%S"), summary(view.all), f"by {view.order}{', tags' * view.by_tag}"]
        if view.pattern:
            words.append(f"/{view.pattern}: {sum(map(count, view.shown))}")
        if self.remarks:
            words.append(f"faults in conf: {len(self.remarks)}")
        return " | ".join(words)

    def press(self, key: str) -> bool:
        """A key; False: this page has no use for it."""
        if key in self._keys:
            self._keys[key]()
        return key in self._keys

    def step(self) -> bool:
        """Is there anything new to be seen?"""
        return False

    def close(self) -> None:
        """It is no longer shown."""


def plain(texts: list[str], width: int) -> list[Line]:
    """Harmless texts as lines."""
    return [Line(cut(text, width)) for text in texts]
