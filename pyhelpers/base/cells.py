"""How wide is a text on a terminal?  Cut it, fill it up or wrap it by the cells that it takes, not by its letters.

    >>> cut("端口 8000 被占用", 12)
    '端口 8000 …'

A letter of East Asian scripts takes two cells, a mark that stands over the letter before it takes none: Unicode
Standard Annex 11 (East_Asian_Width W and F) and the general categories Mn and Me, as in wcwidth(3).  A letter whose
width is ambiguous takes one cell, as on terminals outside East Asia.
"""

from __future__ import annotations

from base.last_words import plain

ELLIPSIS = "…"


def harmless(text: str) -> str:
    """The text as one line without characters that could harm a terminal; one that we may not print is shown as `?`."""
    if text.isascii() and text.isprintable():
        return text
    return plain("".join(" " if letter.isspace() else letter for letter in text))


def width(text: str) -> int:
    """How many cells it takes.  text: harmless."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(letter: str) -> int:
    if letter < "\u0300":
        return 1
    import unicodedata  # only a text that has such letters needs it

    if unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, cells: int) -> str:
    """The text, or as much of its beginning as fits into so many cells with `…` behind it."""
    if width(text) <= cells:
        return text
    return text[: _fitting(text, cells - 1)].rstrip() + ELLIPSIS if cells > 0 else ""


def _fitting(text: str, cells: int) -> int:
    """How many letters of the text fit; a mark stays with its letter."""
    for at, letter in enumerate(text):
        cells -= _width(letter)
        if cells < 0:
            return at
    return len(text)


def padded(text: str, cells: int, at_right: bool = False) -> str:
    """The text with blanks behind it, or in front of it (at_right), so that it takes so many cells."""
    blanks = " " * (cells - width(text))
    return blanks + text if at_right else text + blanks


def wrapped(text: str, cells: int) -> list[str]:
    """The text as lines of at most so many cells, but at least 2, broken at blanks where there are any."""
    cells = max(cells, 2)
    lines = []
    while width(text) > cells:
        fitting = _fitting(text, cells)
        blank = text.rfind(" ", 1, fitting + 1)
        at = blank if blank > 0 else fitting
        lines.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*lines, text]
