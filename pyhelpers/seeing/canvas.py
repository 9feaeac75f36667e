"""A terminal, by curses(3): it shows the lines of a screen, and says which keys were pressed.

A terminal of 256 colours gets shades that can be read on white and on black; one of 8 gets these; one of none, and
NO_COLOR, gets bold and reversed letters only.  In a locale without UTF-8, such as C, each letter that is not ASCII is
shown as `?`, and a cut as `~`.
"""

from __future__ import annotations

import curses
import locale

from base import terminal
from base.cells import ELLIPSIS, width
from base.terminal import CYAN, GREEN, RED, YELLOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seeing.screen import Line, Size

ESCAPE_MS = 25  # so long a key whose sequence begins with ESC may take
COLOURS = {  # of SGR: of 8 colours, and of 256
    RED: (curses.COLOR_RED, 160),
    GREEN: (curses.COLOR_GREEN, 34),
    YELLOW: (curses.COLOR_YELLOW, 172),
    CYAN: (curses.COLOR_CYAN, 37),
}
LETTERS = {"1": curses.A_BOLD, "7": curses.A_REVERSE}
KEYS = {
    curses.KEY_UP: "up",
    curses.KEY_DOWN: "down",
    curses.KEY_PPAGE: "pageup",
    curses.KEY_NPAGE: "pagedown",
    curses.KEY_HOME: "home",
    curses.KEY_END: "end",
    curses.KEY_ENTER: "enter",
    10: "enter",
    13: "enter",
    curses.KEY_BACKSPACE: "back",
    8: "back",
    127: "back",
    27: "escape",
}


def can_place_text() -> bool:
    """Can this terminal show text at any place?  No, if it is dumb or unknown, or if there is none."""
    if not terminal.has_controls():
        return False
    try:
        curses.setupterm()
    except curses.error:
        return False
    return bool(curses.tigetstr("cup"))


class Canvas:
    """The whole terminal, from begin() to end()."""

    def __init__(self) -> None:
        self._window = curses.initscr()
        self._is_utf8 = False
        self._colours: dict[str, int] = {}

    def begin(self) -> None:
        """Take the terminal."""
        self._is_utf8 = _codeset() == "UTF-8"
        curses.noecho()
        curses.cbreak()
        self._window.keypad(True)
        self._window.nodelay(True)
        curses.set_escdelay(ESCAPE_MS)
        self._show_cursor(False)
        if terminal.has_colours():
            self._begin_colours()
        self.resize()

    def _begin_colours(self) -> None:
        curses.start_color()
        if not curses.has_colors():
            return
        background = curses.COLOR_BLACK
        try:
            curses.use_default_colors()
            background = -1
        except curses.error:
            pass  # it knows no default
        for number, (style, colours) in enumerate(COLOURS.items(), 1):
            curses.init_pair(number, colours[curses.COLORS >= 256], background)
            self._colours[style] = curses.color_pair(number)

    def end(self) -> None:
        """Give the terminal back as it was."""
        self._show_cursor(True)
        curses.endwin()

    def _show_cursor(self, is_shown: bool) -> None:
        try:
            curses.curs_set(is_shown)
        except curses.error:
            pass  # it cannot be hidden

    def resize(self) -> None:
        """The terminal may have another size."""
        columns, lines = terminal.size()
        curses.resizeterm(max(lines, 1), max(columns, 1))
        self._window.clear()

    def size(self) -> Size:
        """Columns and lines."""
        lines, columns = self._window.getmaxyx()
        return columns, lines

    def draw(self, lines: list[Line]) -> None:
        """Show these lines; curses sends only what is new."""
        columns, height = self.size()
        self._window.erase()
        for number, line in enumerate(lines[:height]):
            self._put(number, 0, line.text, line.style, columns)
            for at, letters, style in line.spans:
                self._put(number, width(line.text[:at]), line.text[at : at + letters], style, columns)
        self._window.refresh()

    def _put(self, line: int, column: int, text: str, style: str, columns: int) -> None:
        if column >= columns:
            return
        try:
            self._window.addnstr(line, column, self._sendable(text), columns - column, self._attribute(style))
        except curses.error:
            pass  # behind the last cell of the last line the cursor has no place; all letters are shown

    def _sendable(self, text: str) -> str:
        if self._is_utf8 or text.isascii():
            return text
        return text.replace(ELLIPSIS, "~").encode("ascii", "replace").decode("ascii")

    def _attribute(self, style: str) -> int:
        found = 0
        for word in filter(None, style.split(";")):
            found |= LETTERS.get(word, 0) or self._colours.get(word, 0)
        return found

    def keys(self) -> list[str]:
        """The keys that were pressed since the last call: a letter, or one of KEYS; others are left out."""
        found = []
        while (code := self._window.getch()) != -1:
            if code in KEYS:
                found.append(KEYS[code])
            elif 32 <= code < 127:
                found.append(chr(code))
        return found


def _codeset() -> str:
    """The encoding of the user's locale.  (Python has set its own to UTF-8 in the C locale, but curses has not.)"""
    try:
        locale.setlocale(locale.LC_ALL, "")
    except locale.Error:
        return ""  # this machine lacks that locale
    return locale.nl_langinfo(locale.CODESET)
