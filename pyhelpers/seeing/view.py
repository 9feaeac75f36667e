"""Which servers does the table of `top` show, in which order, and which one has the user chosen?"""

from __future__ import annotations

from fnmatch import fnmatchcase

from operate import folded
from operate.context import is_glob
from operate.status_table import in_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.table import Row

ORDERS = "state cpu mem restarts uptime name pid".split()  # one after another, by the key `s`


class View:
    """order: one of ORDERS; pattern: what a name must hold, or a state begin with, or a glob that a name must fit.

    shown: the rows in their order.  A chosen server stays chosen wherever its row goes, until the user moves on;
    before that the first row is chosen, whichever it is.  Equal instances of a server are one row until it is unfolded;
    by_tag: so are the servers of one tag that are in the same state, each by its first tag.
    """

    def __init__(self) -> None:
        self.order = ORDERS[0]
        self.pattern = ""
        self.all: list[Row] = []
        self.shown: list[Row] = []
        self._chosen = ""  # kept_in of the server; "" for the first row
        self._place = self._top = 0
        self.by_tag = False
        self._unfolded: set[str] = set()  # the NAME of NAME@INSTANCE, and @TAG

    def take(self, rows: list[Row]) -> None:
        """These are the servers now."""
        self.all = rows
        self._arrange()

    def _arrange(self) -> None:
        """All that decides about rows is here."""
        fitting = in_order([row for row in self.all if _fits(row, self.pattern)], self.order)
        tags = {row["name"]: f"@{row['tags'][0]}" for row in fitting if self.by_tag and row["tags"]}
        bases = {row["name"]: row["server"].base for row in fitting if row["server"].base != row["name"]}
        self.shown = folded.by_tag(fitting, self._to_fold(tags)) if tags else fitting
        self.shown = folded.folded(self.shown, self._to_fold(bases)) if bases else self.shown
        places = {each["server"].kept_in: place for place, row in enumerate(self.shown) for each in folded.members(row)}
        last = max(len(self.shown) - 1, 0)
        self._place = places.get(self._chosen, min(self._place, last)) if self._chosen else 0

    def _to_fold(self, labels: dict[str, str]) -> dict[str, str]:
        """Those that the user has not unfolded.  labels: by the name of the server."""
        return {name: label for name, label in labels.items() if label not in self._unfolded}

    def group(self) -> bool:
        """Show the servers of each tag in a row for each of their states, or no longer so.  False: none has a tag."""
        if not any(row["tags"] for row in self.all):
            return False
        self.by_tag = not self.by_tag
        self.fold()
        return True

    def next_order(self) -> None:
        """Show them in the next order of ORDERS, from the first row on."""
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self.go_to(0)
        self._arrange()

    def filter(self, pattern: str) -> None:
        """Show those that fit."""
        self.pattern = pattern
        self._arrange()

    def chosen(self) -> Row | None:
        """The row of the chosen server; None if no server is shown."""
        return self.shown[self._place] if self.shown else None

    def is_folded(self) -> bool:
        """Is the chosen row several servers in one?"""
        row = self.chosen()
        return row is not None and folded.count(row) > 1

    def unfold(self) -> None:
        """Show each of the servers whose row is chosen."""
        row = self.chosen()
        if row and folded.count(row) > 1:
            self._unfolded.add(folded.label(row))
            self._arrange()

    def fold(self) -> None:
        """Show them as one row again."""
        self._unfolded.clear()
        self._arrange()

    def move(self, rows: int) -> None:
        """Choose the row that is so many further down."""
        self.go_to(self._place + rows)

    def go_to(self, place: int) -> None:
        """Choose the row at that place, or the last."""
        self._place = max(0, min(place, len(self.shown) - 1))
        self._chosen = self.shown[self._place]["server"].kept_in if self._place else ""

    def window(self, height: int) -> tuple[list[Row], int]:
        """The rows that fit into so many lines, the chosen one among them; and which of these it is."""
        height = max(height, 1)
        self._top = max(0, min(self._top, self._place, len(self.shown) - height), self._place - height + 1)
        return self.shown[self._top : self._top + height], self._place - self._top


def _fits(row: Row, pattern: str) -> bool:
    wanted, name = pattern.lower(), row["name"].lower()
    if is_glob(wanted):
        return fnmatchcase(name, wanted)
    return wanted in name or row["state"].lower().startswith(wanted)
