"""Which values hold what looks like a comment?  `port = 80 # http`: a comment only begins a line.

Where the value does not fit its key because of that, config/confdir.py says so.  Here are those that do fit: a command
that gets `#` and `http` as arguments, a directory that nobody has made.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from config.grammar import Fault, Setting


def remarks(settings: Iterable[tuple[str, Setting]]) -> list[Fault]:
    """A remark for each of these keys and settings whose value holds ` #` outside of quotes."""
    found = []
    for key, (text, path, line) in settings:
        tail = comment_in(text)
        if tail:
            words = f'{key}: "{tail}" is no comment but part of the value; give it a line of its own, or quote the #'
            found.append((path, line, words))
    return found


def comment_in(text: str) -> str:
    """The rest of a value from the first # on that stands behind a blank and is not quoted; "" if there is none."""
    quote, before = "", ""
    for at, letter in enumerate(text):
        if letter == "#" and before == " " and not quote:
            return text[at:]
        if letter in "'\"" and before != "\\" and quote in ("", letter):
            quote = "" if quote else letter
        before = letter
    return ""
