"""Until when may this machine run a singleton?  STATE_DIR/servers/NAME/lease, written by the keeper at each beat.

    token 8123                  the number of this hold; it grows with each one
    deadline 63215300           in ms since boot, suspends included: by then another machine may run it
    boot 6f1c…                  such a time means nothing in another boot

The next monitor goes on with it: see watch/fence.py.
"""

from __future__ import annotations

from base import files
from base.clock import boot_seconds

MOST = 1024


class Lease:
    """token: decimal; deadline: in seconds since boot."""

    __slots__ = ("deadline", "token")

    def __init__(self, token: int, deadline: float) -> None:
        self.token = token
        self.deadline = deadline


def read(directory: str, boot: str) -> Lease | None:
    """The lease of the server with this directory; None: there is none that lasts.  boot: as of record.boot_id()."""
    try:
        with open(f"{directory}/lease", encoding="ascii", errors="replace") as source:
            found = dict(line.rstrip("\n").split(" ", 1) for line in source.read(MOST).splitlines(keepends=True))
        lease = Lease(int(found["token"]), int(found["deadline"]) / 1000)
    except (OSError, ValueError, KeyError):
        return None
    return lease if found.get("boot") == boot and lease.deadline > boot_seconds() else None


def write(directory: str, lease: Lease, boot: str) -> None:
    """Write it.  Raises OSError: the last one stays, which ends earlier."""
    text = f"token {lease.token}\ndeadline {int(lease.deadline * 1000)}\nboot {boot}\n"
    files.replace(f"{directory}/lease", text)


def remove(directory: str) -> None:
    """The machine has it no longer."""
    files.unlink_quietly(f"{directory}/lease")
