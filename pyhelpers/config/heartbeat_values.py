"""What may the values of the heartbeat keys say?  Their parsers.

    heartbeat = shm | notify | file PATH | channel
    heartbeat_key = 0x5095

config/keys.py imports it.
"""

from __future__ import annotations

import struct
import sys

from base.tokens import is_quoted, split_words
from config import neighbours

KINDS = ("shm", "notify", "file", "channel")
_LONGEST_SLOT = 4096
_INTEGERS = "bBhHiIlLqQnN"


def source(text: str) -> list[str]:
    """Return the kind, and for `file` also the path, which may hold blanks because it is the last word."""
    kind, _, rest = text.partition(" ")
    rest = rest.strip()
    if kind == "file" and rest:
        path = split_words(rest) if is_quoted(rest) else [rest]
        if len(path) == 1 and path[0]:
            return [kind, path[0]]
    elif kind in KINDS[:2] + KINDS[3:] and not rest:
        return [kind]
    hint = neighbours.meant(kind, KINDS, neighbours.HEARTBEAT)
    raise ValueError(f'"{text}" is no heartbeat; write shm, notify, file PATH or channel{hint}')


def key(text: str) -> int:
    """Return the key of the SysV table; text is decimal, or hexadecimal as ipcs(1) shows it."""
    try:
        found = int(text, 16 if text[:2] in ("0x", "0X") else 10) if text.isalnum() and text.isascii() else 0
    except ValueError:
        found = 0
    if not 0 < found < 1 << 31:
        raise ValueError(f'"{text}" is not a key of shared memory; write it as ipcs shows it, like 0x5095')
    return found


def layout(text: str) -> str:
    """Return the layout of a slot as the user wrote it, after a check."""
    try:
        fits = Layout(text).size <= _LONGEST_SLOT
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f'"{text}" is not pid, name, timeout, atime as a struct of Python; write it like <i51sxi4xq')
    return text


class Layout:
    """The layout of a slot in memory: pid, name, timeout, atime in this order, as a format of Python's struct module.

    `<` and pad bytes (x) as in LAYOUT, or `@` and the machine's own alignment: @i51siq is the same.  Raises ValueError.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        order, fields = _fields(text)
        if "".join("s" if code == "s" else "i" for _, _, code in fields) != "isii" or len(fields) != 4:
            raise ValueError
        self.slot = struct.Struct(text)
        self.size = self.slot.size
        self.big = order in ">!" or (order in "@=" and sys.byteorder == "big")
        self.name_field = fields[1]  # offset, count, code
        (self.pid_at, self.pid_size), _, _, (self.atime_at, self.atime_size) = [
            (at, struct.calcsize(f"{order}{code}")) for at, _, code in fields
        ]
        aligned = self.pid_size == 4 and self.pid_at % 4 == self.size % 4 == 0
        self.pids_in_line = aligned and self.big == (sys.byteorder == "big")


def _fields(text: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Byte order, and the offset, count and code of each field except padding.  Raises ValueError."""
    order, codes = (text[0], text[1:]) if text[:1] in tuple("<>=!@") else ("@", text)
    fields, count, before = [], "", ""
    try:
        struct.calcsize(text)
        for code in codes:
            if code.isdigit():
                count += code
                continue
            if code not in f"{_INTEGERS}sx" or (code in _INTEGERS and count not in ("", "0", "1")):
                raise ValueError
            if code != "x" and count != "0":
                fields.append((struct.calcsize(f"{order}{before}0{code}"), int(count or 1), code))
            before, count = f"{before}{count}{code}", ""
    except struct.error:
        raise ValueError from None
    return order, fields
