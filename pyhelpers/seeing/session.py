"""`top` on a terminal: it looks once a second, shows pages, takes keys, and waits for whichever comes first."""

from __future__ import annotations

import os
import select
import signal
import time

from base.exits import FAILED, GOOD
from seeing.asking import Filter, Question
from seeing.canvas import Canvas
from seeing.detail_page import DetailPage
from seeing.help_page import HelpPage
from seeing.orders import Orders, place_of, word_of
from seeing.recent_events import RecentEvents
from seeing.screen import Line, title, warning
from seeing.table_page import TablePage
from seeing.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from operate.recurring_look import RecurringLook
    from operate.table import Row
    from seeing.screen import Size

    class Page(Protocol):
        """What fills the screen.

        hints: the keys that it knows; is_live: step() may find something new at any time; server: kept_in of the one
        that an order would be for, "" for none.
        """

        hints: str
        is_live: bool

        @property
        def server(self) -> str: ...
        def screen(self, size: Size, foot: list[Line]) -> list[Line]: ...
        def press(self, key: str) -> bool: ...
        def step(self) -> bool: ...
        def close(self) -> None: ...


LOOK_EVERY = 1.0  # seconds
CHILD_EVERY = 0.1  # seconds, while a child may have something to say
SAID_FOR = 10.0  # seconds that a message stays
ORDER_HINTS = "  r:restart  x:stop  t:start  p:pause"
KEYBOARD = 0  # its descriptor


class Session:
    """looks: at the servers; rows: what the first one has shown; places: ROOT CONF_DIR STATE_DIR CWD;
    may_order: the keys of orders mean something.
    """

    def __init__(self, looks: RecurringLook, rows: list[Row], places: list[str], may_order: bool) -> None:
        self._looks, self._places, self._may_order = looks, places, may_order
        self._view = View()
        self._table = TablePage(self._view)
        self._pages: list[Page] = [self._table]
        self._asking: Question | Filter | None = None
        self._orders = Orders(places)
        self._events: RecentEvents | None = None
        self._said: tuple[str, bool, float] = ("", True, 0.0)
        self._has_ended = False
        self._take(rows)
        self._keys = {"q": self._end, "?": self._help, "/": self._filter, "enter": self._open, "escape": self._back}
        self._keys["g"] = self._group

    def run(self, canvas: Canvas) -> int:
        """Until the user ends it, or the terminal is gone; returns the exit status."""
        resized = _told_of_resizes()
        poll = select.poll()
        poll.register(KEYBOARD, select.POLLIN)
        poll.register(resized, select.POLLIN)
        next_look = time.monotonic() + LOOK_EVERY
        while not self._has_ended:
            now = time.monotonic()
            if now >= next_look:
                self._take(self._looks.rows())
                next_look = max(next_look + LOOK_EVERY, now + LOOK_EVERY / 2)
            canvas.draw(self._screen(canvas.size()))
            for fd, events in self._await(poll, next_look):
                if fd == resized:
                    os.read(resized, 1 << 10)
                    canvas.resize()
                elif events & (select.POLLHUP | select.POLLERR):
                    return FAILED
            for key in canvas.keys():
                self._press(key)
        return GOOD

    def _await(self, poll: select.poll, next_look: float) -> list[tuple[int, int]]:
        """Until a key is pressed, the terminal has another size, a child has said something, or it is time to look."""
        while True:
            left = next_look - time.monotonic()
            wait = min(left, CHILD_EVERY) if self._has_child() else left
            found = poll.poll(max(wait, 0) * 1000)
            is_new = self._step()
            if found or is_new or time.monotonic() >= next_look:
                return found

    def _has_child(self) -> bool:
        return self._pages[-1].is_live or bool(self._orders.under_way())

    def _step(self) -> bool:
        """Is there anything new to be seen, beside the servers?"""
        is_new = self._pages[-1].step()
        for text, is_good in self._orders.news():
            self._say(text, is_good)
            is_new = True
        return is_new

    def _take(self, rows: list[Row]) -> None:
        self._view.take(rows)
        self._table.remarks = self._looks.remarks
        server = self._pages[-1].server
        if len(self._pages) > 1 and server and not self._row_of(server):
            self._say(f"{server}: conf does not have it any more", False)
            self._back()

    def _row_of(self, kept_in: str) -> Row | None:
        return next((row for row in self._view.all if row["server"].kept_in == kept_in), None)

    def under_way(self) -> list[str]:
        """The orders that go on behind us."""
        return self._orders.under_way()

    # -- what is to be seen ----------------------------------------------------------------------

    def _screen(self, size: Size) -> list[Line]:
        page = self._pages[-1]
        return page.screen(size, [self._foot(page, size[0])])

    def _foot(self, page: Page, width: int) -> Line:
        text, is_good, until = self._said
        if self._asking:
            return title(self._asking.text(), width)
        if time.monotonic() < until:
            return Line(title(text, width).text) if is_good else warning(text, width)
        return title(page.hints + ORDER_HINTS * self._may_order, width)

    def _say(self, text: str, is_good: bool = True) -> None:
        self._said = text, is_good, time.monotonic() + SAID_FOR

    # -- keys ------------------------------------------------------------------------------------

    def _press(self, key: str) -> None:
        self._said = "", True, 0.0
        if self._asking:
            asking, self._asking = self._asking, None
            if not asking.press(key):
                self._asking = asking
        elif self._pages[-1].press(key):
            pass
        elif key in self._keys:
            self._keys[key]()
        else:
            self._order(key)

    def _end(self) -> None:
        self._has_ended = True

    def _help(self) -> None:
        if not isinstance(self._pages[-1], HelpPage):
            self._pages.append(HelpPage())

    def _filter(self) -> None:
        if self._pages[-1] is self._table:
            self._asking = Filter(self._view)

    def _group(self) -> None:
        if self._pages[-1] is self._table and not self._view.group():
            self._say("no server has tags; set tags in conf/servers/NAME.conf", False)

    def _open(self) -> None:
        row = self._row_of(self._table.server)
        if self._pages[-1] is not self._table or not row:
            return
        if self._view.is_folded():
            self._view.unfold()
            return
        self._events = self._events or RecentEvents(self._looks.place.state_dir)
        server = row["server"]
        self._pages.append(DetailPage(row, self._events, [*place_of(server, self._places), server.name]))
        self._step()

    def _back(self) -> None:
        if len(self._pages) > 1:
            self._pages.pop().close()
        else:
            self._view.filter("")
            self._view.fold()

    def _order(self, key: str) -> None:
        row = self._row_of(self._pages[-1].server)
        word = word_of(key, row["state"]) if row else ""
        if not row or not word:
            return
        if not self._may_order:
            self._say("top --control gives orders; this top only looks", False)
            return
        if self._pages[-1] is self._table and self._view.is_folded():
            self._say("several servers: Enter shows each; choose one of them", False)
            return
        server = row["server"]
        self._asking = Question(f"{word} {server.shown}?", lambda is_yes: self._give(word, row, is_yes))

    def _give(self, word: str, row: Row, is_yes: bool) -> None:
        if not is_yes:
            self._say(f"no {word}")
            return
        self._say(f"{word} {row['server'].shown} ...")
        try:
            self._orders.give(word, row["server"])
        except OSError as error:
            self._say(f"{word} {row['server'].name}: {error.strerror}", False)

    def close(self) -> None:
        """End what runs for the pages."""
        for page in self._pages:
            page.close()


def _told_of_resizes() -> int:
    """A descriptor that can be read when the terminal has another size.  (poll(2) goes on after a signal.)"""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGWINCH, lambda *_: None)
    return read
