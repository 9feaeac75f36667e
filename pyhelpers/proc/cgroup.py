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

# The cgroup of the monitor itself, where controllers leave no room for it in the one above: systemd >= 254 starts it in
# the first (lib/install/monitor.service); else it moves into the second
LEAVES = ("monitor.sh", "monitor.own")
SUFFIX = ".monitored"
TOKEN = 16  # hexadecimal digits in the name of each cgroup that we make
MOST_CGROUPS = 1000  # that a server may make below its own, and whose processes we list
PIECE = 1 << 13

_home: list[str] = []


def own() -> str:
    """The directory of the version 2 cgroup that we are in; "" if none is mounted here."""
    try:
        return mounted("")
    except OSError:
        return ""


def root() -> str:
    """The directory where that hierarchy is mounted; "" if it is not.  Raises OSError."""
    return _mount("", _path_in(""))[0]


def mounted(controller: str) -> str:
    """The directory of the cgroup that we are in, in the hierarchy that has this controller; "" if none is mounted.

    controller: "" for the hierarchy of version 2.  Raises OSError.
    """
    path = _path_in(controller)
    point, top = _mount(controller, path)
    return (point + path[len(top) :]).rstrip("/") if point else ""


def _path_in(controller: str) -> str:
    """Our cgroup as a path in that hierarchy: `4:memory:/a`, `1:cpu,cpuacct:/a`, or `0::/a` for version 2."""
    for line in read("/proc/self/cgroup").split(b"\n"):
        _, names, path = os.fsdecode(line).split(":", 2) if line else ("", "-", "")
        if controller in names.split(","):
            return path
    return ""


def _mount(controller: str, path: str) -> tuple[str, str]:
    """Where the hierarchy is mounted, and the cgroup that is its top there; a container may have only a part of it."""
    table = read("/proc/self/mountinfo")
    kind = b" - cgroup " if controller else b" - cgroup2 "
    at = table.find(kind)
    while at >= 0:  # no list of all lines: the resident process would keep its memory
        begin, end = table.rfind(b"\n", 0, at) + 1, table.find(b"\n", at)
        fields = os.fsdecode(table[begin:end]).split(" ")
        if not controller or controller in fields[-1].split(","):
            top, point = fields[3].rstrip("/"), fields[4]
            if path and "\\" not in top + point and f"{path}/".startswith(f"{top}/"):
                return point, top
        at = table.find(kind, end)
    return "", ""


def home() -> str:
    """The directory below which we make cgroups; "" if we may not."""
    if not _home:
        _home.append(_permitted(own()))
    return _home[0]


def _permitted(directory: str) -> str:
    above, _, name = directory.rpartition("/")
    directory = above if name in LEAVES else directory
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
            found += map(int, read(f"{place}/cgroup.procs").split())
            unseen += below(place)
        except OSError:
            continue  # it is gone, or a threaded one; the processes of that are in the one above
    return [] if os.getpid() in found else found


def is_populated(directory: str) -> bool:
    """Does a process live in this cgroup, or in one below it?

    members() may miss a process that becomes another one at every moment; the kernel's own count does not.
    """
    try:
        return b"populated 1" in read(f"{directory}/cgroup.events")
    except OSError:
        return False


def are_we_in(directory: str) -> bool:
    """Are we in this cgroup, or in one below it?"""
    return f"{own()}/".startswith(f"{directory}/")


def below(directory: str) -> list[str]:
    """The cgroups right below this one.  Raises OSError."""
    if os.stat(directory).st_nlink <= 2:  # each directory in it would be one more
        return []
    with os.scandir(directory) as entries:
        return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def read(path: str) -> bytes:
    """The whole of a file of /proc or of a cgroup.  Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(fd, PIECE):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(fd)
