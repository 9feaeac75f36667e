"""history.jsonl: what happened, one JSON object a line.  The shell writes it (lib/log.sh), state/whole_history.py
reads it.

Every program that finds a server dead makes the same id for the incident, and no other incident gets that id: start
ticks distinguish processes with the same pid, the boot id distinguishes equal start ticks.  The shell makes the ids of
incidents without a process, see lib/incident.sh.
"""

from __future__ import annotations

MOST = 64 << 20  # bytes; then it is turned over
BOOT_LETTERS = 8  # random hexadecimal digits, from the start of the boot id


def incident_id(name: str, pid: int | str, ticks: int | str, boot: str) -> str:
    """The id of the incident that is the death of this process.  boot: as record.boot_id()."""
    return f"{name}-{pid}-{ticks}-{boot[:BOOT_LETTERS]}"


def process_of(incident: str) -> tuple[int, int]:
    """The pid and the start ticks in an incident_id(); 0 and 0 if it is none."""
    words = incident.rsplit("-", 3)[1:3]
    return (int(words[0]), int(words[1])) if len(words) == 2 and all(map(str.isdecimal, words)) else (0, 0)


def is_death(line: bytes) -> bool:
    """Does this line report a death?  `hung` and `limit` do too: the monitor ended that process."""
    return any(b'"event":"%b"' % event in line for event in (b"death", b"hung", b"limit"))


def is_of(line: bytes, incident: str) -> bool:
    """Is this line about that incident?"""
    return f'"incident":"{incident}"'.encode() in line
