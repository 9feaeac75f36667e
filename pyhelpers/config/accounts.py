"""Which numbers are a server's `user` and `group`?  A short-lived process looks them up when it settles conf.

A look-up of names may ask a directory service, which may not answer, or may no longer know the account.  The watcher
never looks up names: it uses the settled numbers.
"""

from __future__ import annotations

import grp
import os
import pwd

from config.clean_environment import LOGIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config import settle

IDS = "ids"  # settled, but no key of conf: `UID GID GROUP...` as base/ids.py reads it; "" if unknown


def find(settled: settle.Settled) -> None:
    """Settle the numbers of all servers.  If an account does not exist, the start will report it."""
    for server in settled.servers:
        server[IDS] = ids_of(server["user"], server["group"])
        if server["environment_clean"]:
            server[LOGIN] = login_of(server["user"])


def ids_of(user: str, group: str) -> str:
    """The numbers of these names (or numbers as text); "" if both are empty, or if one is unknown."""
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


def login_of(user: str) -> list[str]:
    """Name and home of this user (a name, or a number as text); [] if it is "", or unknown."""
    try:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except (KeyError, ValueError, OSError):
        return []
    return [entry.pw_name, entry.pw_dir]


def unknown(user: str, group: str) -> str:
    """The message of pwd or grp about the one that is unknown."""
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
