"""history.jsonl: what happened, one JSON object a line.  The shell writes it (lib/log.sh), this file reads it.

Every program that finds a server dead makes the same id for the incident, and no other incident gets that id: start
ticks distinguish processes with the same pid, the boot id distinguishes equal start ticks.  The shell makes the ids of
incidents without a process, see lib/incident.sh.
"""

from __future__ import annotations

import os

TAIL = 1 << 18  # bytes, at the end of the file
BOOT_LETTERS = 8  # random hexadecimal digits, from the start of the boot id


def incident_id(name: str, pid: int | str, ticks: int | str, boot: str) -> str:
    """The id of the incident that is the death of this process.  boot: as record.boot_id()."""
    return f"{name}-{pid}-{ticks}-{boot[:BOOT_LETTERS]}"


def newest(state_dir: str, most: int = TAIL) -> list[bytes]:
    """The newest lines, at most `most` bytes, oldest first; [] if there are none or we may not read them."""
    try:
        with open(f"{state_dir}/history.jsonl", "rb") as history:
            size = os.fstat(history.fileno()).st_size
            history.seek(max(0, size - most))
            lines = history.read(most).split(b"\n")
    except OSError:
        return []
    return lines[1:-1] if size > most else lines[:-1]


def is_death(line: bytes) -> bool:
    """Does this line report a death?  `hung` and `limit` do too: the monitor ended that process."""
    return any(b'"event":"%b"' % event in line for event in (b"death", b"hung", b"limit"))


def is_of(line: bytes, incident: str) -> bool:
    """Is this line about that incident?"""
    return f'"incident":"{incident}"'.encode() in line
