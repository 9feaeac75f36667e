"""What can standard output show?  Its width and height, colours, and whether text can be replaced in place.

COLUMNS and LINES, if they are set to a number, are believed before the terminal itself, as by ps(1) and
shutil.get_terminal_size().  NO_COLOR: https://no-color.org; TERM=dumb: a terminal without control sequences, term(7).
"""

from __future__ import annotations

import os

OUTPUT = 1  # the descriptor of standard output
USUAL = (80, 24)  # of a terminal that does not say how large it is

BOLD, RED, GREEN, YELLOW, CYAN = "1", "31", "32", "33", "36"  # parameters of SGR in ECMA-48
BOLD_RED = f"{BOLD};{RED}"


def is_terminal() -> bool:
    """Does a person see what we print?"""
    return os.isatty(OUTPUT)


def size() -> tuple[int, int]:
    """Columns and lines of the terminal."""
    try:
        known = tuple(os.get_terminal_size(OUTPUT))
    except OSError:
        known = (0, 0)
    return _set("COLUMNS") or known[0] or USUAL[0], _set("LINES") or known[1] or USUAL[1]


def _set(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def has_controls() -> bool:
    """May we send control sequences?"""
    return is_terminal() and os.environ.get("TERM", "") not in ("", "dumb")


def has_colours() -> bool:
    """May we use colours and bold letters?"""
    return has_controls() and not os.environ.get("NO_COLOR")


def painted(text: str, colour: str) -> str:
    """The text in a colour, or "" for none."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and text else text
