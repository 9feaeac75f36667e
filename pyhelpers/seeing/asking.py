"""What the last line of the screen asks, and who gets the keys meanwhile."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from seeing.view import View


class Question:
    """Only the key y is a yes.  answer: called with it."""

    def __init__(self, text: str, answer: Callable[[bool], None]) -> None:
        self._text, self._answer = text, answer

    def text(self) -> str:
        """What stands there."""
        return f"{self._text}  (y/n)"

    def press(self, key: str) -> bool:
        """A key; True: that was the answer."""
        self._answer(key == "y")
        return True


class Filter:
    """What the user types chooses the rows of a view at once; Enter keeps that, Esc shows all."""

    def __init__(self, view: View) -> None:
        self._view = view

    def text(self) -> str:
        """What stands there."""
        return f"/{self._view.pattern}_"

    def press(self, key: str) -> bool:
        """A key; True: the filter is as the user wants it."""
        if key in ("enter", "escape"):
            if key == "escape":
                self._view.filter("")
            return True
        if key == "back":
            self._view.filter(self._view.pattern[:-1])
        elif len(key) == 1:
            self._view.filter(self._view.pattern + key)
        return False
