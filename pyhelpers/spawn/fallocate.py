"""Take the beginning out of a file in use: fallocate(2), which Python does not offer.

Import it only in a short-lived child: ctypes would cost the resident process 0.7 MiB.
"""

from __future__ import annotations

import ctypes
import errno
import os

KEEP_SIZE, PUNCH_HOLE, COLLAPSE_RANGE = 1, 2, 8  # linux/falloc.h
UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
BEYOND = 1 << 30  # bytes behind the end of a file, where a hole changes nothing

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = getattr(_libc, "fallocate64", _libc.fallocate)
_fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def can_punch(fd: int, block: int) -> bool:
    """Can holes be punched into this file?  We ask for one behind its end, which changes nothing."""
    try:
        _call(fd, PUNCH_HOLE | KEEP_SIZE, os.fstat(fd).st_size // block * block + BEYOND, block)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return False
        raise
    return True


def punch(fd: int, length: int) -> None:
    """Give the first bytes back to the file system; the offsets of all others stay.  Raises OSError."""
    if length:
        _call(fd, PUNCH_HOLE | KEEP_SIZE, 0, length)


def collapse(fd: int, at: int, length: int) -> bool:
    """Remove these bytes (whole blocks); what is behind them moves up.  False: this file system cannot do that."""
    try:
        _call(fd, COLLAPSE_RANGE, at, length)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return False
        raise
    return True


def _call(fd: int, mode: int, offset: int, length: int) -> None:
    if _fallocate(fd, mode, offset, length):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
