"""history.jsonl: what happened, one JSON object a line; the shell writes it (lib/log.sh), here is its one reader.

An incident has a name, the same for whoever finds a server dead, and for no other incident: start ticks tell a pid that
comes again, the boot tells start ticks that come again.  The shell names those without a process, see lib/incident.sh.
"""

from __future__ import annotations

import os

TAIL = 1 << 18  # bytes: the newest of them
BOOT_LETTERS = 8  # of the boot's id, random hexadecimal digits


def incident_id(name: str, pid: int | str, ticks: int | str, boot: str) -> str:
    """The name of the incident that is the death of this process.  boot: as record.boot_id()."""
    return f"{name}-{pid}-{ticks}-{boot[:BOOT_LETTERS]}"


def newest(state_dir: str, most: int = TAIL) -> list[bytes]:
    """The newest lines, oldest first, of so many bytes at most; [] where there are none, or none that we may read."""
    try:
        with open(f"{state_dir}/history.jsonl", "rb") as history:
            size = os.fstat(history.fileno()).st_size
            history.seek(max(0, size - most))
            lines = history.read(most).split(b"\n")
    except OSError:
        return []
    return lines[1:-1] if size > most else lines[:-1]


def is_death(line: bytes) -> bool:
    """Is this line a death?  Of a process that was ended for not serving, that is the event."""
    return any(b'"event":"%b"' % event in line for event in (b"death", b"hung", b"limit"))


def is_of(line: bytes, incident: str) -> bool:
    """Is this line about that incident?"""
    return f'"incident":"{incident}"'.encode() in line
