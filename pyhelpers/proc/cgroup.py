"""Which processes are in a cgroup, and where may we make cgroups?

    >>> home()
    '/sys/fs/cgroup/system.slice/monitor.service'
    >>> members('/sys/fs/cgroup/system.slice/monitor.service/msg_server.6e0c9a1b2c3d4e5f.monitored')
    [812, 901]

A cgroup of version 2 holds a process and all that it starts: only who may write cgroup.procs moves a process out of it
or into it.  We make ours below the cgroup that we are in, on a hybrid machine in the `unified` hierarchy.  Their files
belong to us, so a server of another user changes nothing there.

Source: cgroups(7); Documentation/admin-guide/cgroup-v2.rst of the kernel.
"""

from __future__ import annotations

import os

LEAF = "monitor.sh"  # the cgroup of the monitor itself, where controllers leave no room for it in the one above
SUFFIX = ".monitored"
TOKEN = 16  # hexadecimal digits in the name of each cgroup that we make
MOST_CGROUPS = 1000  # that a server may make below its own, and whose processes we list
PIECE = 1 << 16

_home: list[str] = []


def own() -> str:
    """The directory of the version 2 cgroup that we are in; "" if none is mounted here."""
    try:
        path = _own_path(_read("/proc/self/cgroup"))
        return _directory(path, _read("/proc/self/mountinfo")) if path else ""
    except OSError:
        return ""


def _own_path(text: bytes) -> str:
    lines = [line for line in text.split(b"\n") if line.startswith(b"0::")]
    return os.fsdecode(lines[0][3:]) if lines else ""


def _directory(path: str, table: bytes) -> str:
    """Where the hierarchy that has this path is mounted.  A container may have only a part of it, or none."""
    for line in table.split(b"\n"):
        before, _, after = line.partition(b" - ")
        if after.startswith(b"cgroup2 "):
            root, point = (os.fsdecode(word) for word in before.split(b" ")[3:5])
            root = root.rstrip("/")
            if "\\" not in root + point and f"{path}/".startswith(f"{root}/"):
                return (point + path[len(root) :]).rstrip("/")
    return ""


def home() -> str:
    """The directory below which we make cgroups; "" if we may not."""
    if not _home:
        _home.append(_permitted(own()))
    return _home[0]


def _permitted(directory: str) -> str:
    above, _, name = directory.rpartition("/")
    directory = above if name == LEAF else directory
    # Who moves a process must be allowed to write the cgroup.procs of what the old and the new cgroup have in common
    may = directory and os.access(directory, os.W_OK) and os.access(f"{directory}/cgroup.procs", os.W_OK)
    return directory if may else ""


def objection() -> str:
    """Why home() is "", and what to do, for a person."""
    directory = own()
    if not directory:
        return "no cgroup2 file system is mounted"
    return f"{directory} may not be written; run the monitor as root, or in a unit with Delegate=yes"


def fresh_name(name: str) -> str:
    """A name for a new cgroup, which no one can guess; not the INVOCATION_ID, because everyone can read this one."""
    return f"{name[:200]}.{os.urandom(TOKEN // 2).hex()}{SUFFIX}"


def is_ours(directory: str) -> bool:
    """Has it the name of a cgroup that a monitor has made?"""
    name = directory.rpartition("/")[2]
    token = name.removesuffix(SUFFIX).rpartition(".")[2]
    return name.endswith(SUFFIX) and len(token) == TOKEN and not token.strip("0123456789abcdef")


def members(directory: str) -> list[int]:
    """The pids in this cgroup and in those below it; [] if it does not exist, or if we are in it ourselves.

    A cgroup that we are in proves nothing: someone has started us from inside of a server.
    """
    found: list[int] = []
    unseen = [directory]
    for _ in range(MOST_CGROUPS):
        if not unseen:
            break
        place = unseen.pop()
        try:
            found += map(int, _read(f"{place}/cgroup.procs").split())
            unseen += below(place)
        except OSError:
            continue  # it is gone, or a threaded one; the processes of that are in the one above
    return [] if os.getpid() in found else found


def below(directory: str) -> list[str]:
    """The cgroups right below this one.  Raises OSError."""
    if os.stat(directory).st_nlink <= 2:  # each directory in it would be one more
        return []
    with os.scandir(directory) as entries:
        return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(fd, PIECE):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(fd)
