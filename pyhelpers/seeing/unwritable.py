"""A file of the user's, a report or metrics, cannot be written: why, and what to do about it."""

from __future__ import annotations

import errno

from base.exits import FAILED, NO_PERMISSION, Refused

REMEDIES = {
    errno.ENOENT: "make its directory, or name another place",
    errno.EACCES: "let this user write there, or name another place",
    errno.EPERM: "let this user write there, or name another place",
    errno.ENOSPC: "make room there, or name another place",
    errno.EDQUOT: "make room there, or name another place",
}


def refused(path: str, error: OSError) -> Refused:
    """What to raise in place of the error."""
    remedy = REMEDIES.get(error.errno or 0, "name another place")
    return Refused(
        NO_PERMISSION if isinstance(error, PermissionError) else FAILED, f"{path}: {error.strerror}; {remedy}"
    )
