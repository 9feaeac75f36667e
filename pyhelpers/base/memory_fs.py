"""File systems in memory: is a directory on one, and a small one of our own, which is never swapped to a disk.

Source: tmpfs(5): noswap since Linux 6.4; mount(2), umount(2); proc(5), mountinfo.  Only short-lived processes use it.
"""

from __future__ import annotations

import os

KINDS = (b"tmpfs", b"ramfs")
NOSUID_NODEV_NOEXEC = 2 | 4 | 8
DETACH_NOFOLLOW = 2 | 8


def holds(path: str) -> bool:
    """Is this directory in memory?"""
    try:
        device = os.stat(path).st_dev
        with open("/proc/self/mountinfo", "rb") as table:
            lines = [line.split() for line in table]
    except OSError:
        return False
    number = b"%d:%d" % (os.major(device), os.minor(device))
    return any(fields[2] == number and fields[fields.index(b"-") + 1] in KINDS for fields in lines)


def mount(path: str, size: int, files: int) -> bool:
    """Mount a file system of at most so many bytes and files on the directory; False: we may not, or cannot.

    Without noswap the kernel is too old for it, but no one else can fill it up either.
    """
    options = f"mode=711,size={size},nr_inodes={files}"
    return any(_called("mount", b"tmpfs", path, b"tmpfs", also) for also in (f"{options},noswap", options))


def unmount(path: str) -> None:
    """Take what is mounted there away, even if a process is still inside."""
    _called("umount2", path)


def _called(function: str, *words: bytes | str) -> bool:
    try:
        from ctypes import CDLL, c_char_p, c_int, c_ulong
    except ImportError:
        return False  # a Python without it
    encoded = [os.fsencode(word) for word in words]
    libc = CDLL(None)
    if function == "umount2":
        return int(libc.umount2(c_char_p(encoded[0]), c_int(DETACH_NOFOLLOW))) == 0
    source, path, kind, options = map(c_char_p, encoded)
    return int(libc.mount(source, path, kind, c_ulong(NOSUID_NODEV_NOEXEC), options)) == 0
