"""Which servers have a tag?  `tags = im web` in the conf of a server puts it into what @im and @web mean."""

from __future__ import annotations

from base.tokens import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from config.keys import Values


class Tags:
    """tagged: gives the values of all servers of conf; called at the first question, for only then is it of use.

    To find out who has a tag, all files must be read.  Faults of those that are not meant are not reported.
    """

    def __init__(self, tagged: Callable[[], Iterable[Values]]) -> None:
        self._tagged = tagged
        self._known: dict[str, dict[str, None]] | None = None

    def names(self, word: str) -> list[str]:
        """The servers that this @TAG means, in the order of conf."""
        return list(self._all().get(word, ()))

    def nearest(self, word: str) -> str:
        """`; did you mean @im?`, or ""."""
        return nearest(word, list(self._all()))

    def _all(self) -> dict[str, dict[str, None]]:
        if self._known is None:
            self._known = {}
            for values in self._tagged():
                for tag in values["tags"]:
                    self._known.setdefault(f"@{tag}", {})[values["name"]] = None
        return self._known
