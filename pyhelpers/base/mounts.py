"""Which file systems may not answer?  Those that depend on another machine, or on another process.

A look at one of those can wait without end, and no signal ends that wait.  So the mount table tells, which the kernel
keeps and which is read without touching what is mounted.  Source: proc(5), mountinfo; poll(2) on it reports POLLERR
once after each change, so the table is parsed again only then.

What all programs of this machine stand on, the file system of /, is taken to answer.
"""

from __future__ import annotations

import os
import select

TABLE = "/proc/self/mountinfo"
TYPES = frozenset(
    "nfs nfs4 cifs smb2 smb3 smbfs ncpfs afs coda ceph 9p virtiofs fuse fuseblk autofs lustre gpfs gfs2 ocfs2 "
    "orangefs pvfs2 glusterfs beegfs davfs vboxsf vmhgfs prl_fs".split()
)
NONE: frozenset[str] = frozenset()
REMOTE_DISKS = ("/dev/nbd", "/dev/rbd", "/dev/drbd")


class _Table:
    """The mount points of such file systems, as the kernel has them now.

    owner: the process that has it open.  changes: how often they have been read.
    """

    def __init__(self) -> None:
        self.owner = 0
        self._file = -1
        self._poll = select.poll()
        self.changes = 0
        self.points = NONE

    def refresh(self) -> None:
        """Read it again if it has changed.  Raises OSError."""
        if self.owner != os.getpid():
            self._open()
        elif not self._poll.poll(0):
            return
        self.changes += 1
        self.points = _points_of(self._read())

    def _open(self) -> None:
        """A child opens a table of its own: what one of two that share a file is told, the other never learns."""
        self._file = os.open(TABLE, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLPRI)
        self.owner = os.getpid()

    def _read(self) -> bytes:
        os.lseek(self._file, 0, os.SEEK_SET)
        pieces: list[bytes] = []
        while True:
            piece = os.read(self._file, 1 << 16)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)


_table = _Table()


def _points_of(table: bytes) -> frozenset[str]:
    """Of several file systems on one mount point the last is on top, and is the one that is met."""
    points = {}
    for line in filter(None, table.split(b"\n")):
        fields = line.split(b" ")
        end = fields.index(b"-", 6)
        kind, source = os.fsdecode(fields[end + 1]), os.fsdecode(fields[end + 2])
        point = os.fsdecode(_plain(fields[4]))
        points[point] = kind.partition(".")[0] in TYPES or source.startswith(REMOTE_DISKS)
    return frozenset(point for point, is_one in points.items() if is_one and point != "/")


def _plain(name: bytes) -> bytes:
    r"""A name without the escapes of mountinfo: \040 is a blank."""
    first, *rest = name.split(b"\\")
    return first + b"".join(bytes([int(piece[:3], 8)]) + piece[3:] for piece in rest)


def forget() -> None:
    """Its descriptor has been closed, with all others: open another at the next call."""
    _table.owner = 0


def changes() -> int:
    """A number that grows when file systems have been mounted, or unmounted, since the last call.  Raises OSError."""
    _table.refresh()
    return _table.changes


def silent() -> frozenset[str]:
    """Where such file systems are mounted: absolute paths without links, as of the last changes()."""
    return _table.points


def are_above(path: str) -> bool:
    """Is this path, absolute and without links, on such a file system?  Raises OSError."""
    changes()
    points = _table.points
    return any(path == point or path.startswith(f"{point}/") for point in points)
