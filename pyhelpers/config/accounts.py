"""Which numbers are a server's `user` and `group`?  Settled with their conf, in a process that is soon gone.

A look-up of names may ask a directory service, which may not answer, or no longer know the account.  The watcher never
asks: it goes by what is settled.
"""

from __future__ import annotations

import grp
import os
import pwd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config import settle

IDS = "ids"  # settled, but no key of conf: `UID GID GROUP...` as base/ids.py reads it; "" where nothing is known


def find(settled: settle.Settled) -> None:
    """Settle them.  An account that is not there is left to the start, which says so."""
    for server in settled.servers:
        server[IDS] = ids_of(server["user"], server["group"])


def ids_of(user: str, group: str) -> str:
    """The numbers of these names, or of these numbers as text; "" for neither, or where one is not known."""
    try:
        gid = gid_of(group) if group else -1
        if not user:
            return f"-1 {gid}" if group else ""
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except (KeyError, ValueError, OSError):
        return ""
    gid = entry.pw_gid if gid < 0 else gid
    groups = os.getgrouplist(entry.pw_name, gid)
    return " ".join(map(str, (entry.pw_uid, gid, *groups)))


def unknown(user: str, group: str) -> str:
    """Which of them is not known here, in the words of pwd and grp."""
    try:
        if group:
            gid_of(group)
        pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError as error:
        return str(error.args[0])
    return "not known"


def gid_of(group: str) -> int:
    """The number of a group.  Raises KeyError."""
    return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
