"""Is this file the core of that process?  Its own notes have the pid.

Source: elf(5), core(5), the kernel's include/uapi/linux/elfcore.h and fs/binfmt_elf.c.
"""

from __future__ import annotations

import os

MAGIC, CORE, NOTE, PRPSINFO = b"\x7fELF", 4, 4, 3  # ET_CORE, PT_NOTE, NT_PRPSINFO
MOST_HEADERS, MOST_NOTES = 64, 1 << 20
# class (1: 32 bits, 2: 64): the places of phoff, phentsize and phnum; of offset and size in a header; of pr_pid
SHAPES = {1: ((28, 4), 42, 44, (4, 4), (16, 4), (12, 16)), 2: ((32, 8), 54, 56, (8, 8), (32, 8), (24,))}


def is_core_of(fd: int, pid: int) -> bool:
    """Has this process left this core?  Raises OSError."""
    head = os.pread(fd, 64, 0)
    if head[:4] != MAGIC or len(head) < 52 or head[4] not in SHAPES:
        return False
    order = "little" if head[5] == 1 else "big"

    def number(text: bytes, at: int, size: int) -> int:
        return int.from_bytes(text[at : at + size], order)  # type: ignore[arg-type]

    place, entry, count, offset, size, pids = SHAPES[head[4]]
    if number(head, 16, 2) != CORE:
        return False
    for index in range(min(number(head, count, 2), MOST_HEADERS)):
        header = os.pread(fd, 56, number(head, *place) + index * number(head, entry, 2))
        if number(header, 0, 4) == NOTE:
            notes = os.pread(fd, min(number(header, *size), MOST_NOTES), number(header, *offset))
            at = 0
            while at + 12 <= len(notes):
                name_size, size_of, kind = (number(notes, at + step, 4) for step in (0, 4, 8))
                begin = at + 12 + -(-name_size // 4) * 4
                if kind == PRPSINFO and notes[at + 12 : at + 16] == b"CORE":
                    return any(number(notes, begin + where, 4) == pid for where in pids)
                at = begin + -(-size_of // 4) * 4
    return False
