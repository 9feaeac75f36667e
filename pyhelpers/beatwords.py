"""What may the values of the heartbeat keys say?  Their parsers.

    heartbeat = shm | notify | file PATH | channel
    heartbeat_key = 0x5095

Imported by keys.py.
"""

from __future__ import annotations

from words import is_quoted, nearest, split_words

KINDS = ("shm", "notify", "file", "channel")
_LONGEST_SLOT = 4096


def source(text: str) -> list[str]:
    """Return the kind; of file the path too, which may hold blanks, since nothing else can follow it."""
    kind, _, rest = text.partition(" ")
    rest = rest.strip()
    if kind == "file" and rest:
        path = split_words(rest) if is_quoted(rest) else [rest]
        if len(path) == 1 and path[0]:
            return [kind, path[0]]
    elif kind in KINDS[:2] + KINDS[3:] and not rest:
        return [kind]
    raise ValueError(f'"{text}" is no heartbeat; write shm, notify, file PATH or channel{nearest(kind, KINDS)}')


def key(text: str) -> int:
    """Return the key of the SysV table; decimal, or hexadecimal as ipcs(1) shows it."""
    try:
        found = int(text, 16 if text[:2] in ("0x", "0X") else 10) if text.isalnum() and text.isascii() else 0
    except ValueError:
        found = 0
    if not 0 < found < 1 << 31:
        raise ValueError(f'"{text}" is not a key of shared memory; write it as ipcs shows it, like 0x5095')
    return found


def layout(text: str) -> str:
    """Return the layout of a slot."""
    from table import Layout

    try:
        fits = Layout(text).size <= _LONGEST_SLOT
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f'"{text}" is not pid, name, timeout, atime as a struct of Python; write it like <i51sxi4xq')
    return text
