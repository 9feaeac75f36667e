"""Which file systems may not answer?  Those that depend on another machine, or on another process.

A look at such a file system can block without end, and no signal ends that.  So we read the kernel's mount table, which
does not touch what is mounted.  Source: proc(5), mountinfo; poll(2) on it reports POLLERR once after each change, so we
parse the table again only then.

We assume that the file system of / answers, because all programs of this machine depend on it.
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

    owner: the process that has the table open.  changes: how often we have read it.
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
        """Open the table.  A child opens its own: of two processes that share the file, only one learns of a change."""
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
    """The mount points that may not answer.  Of several file systems on one mount point, the last hides the others."""
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
    """The caller has closed the table's descriptor, with all others: open it again at the next call."""
    _table.owner = 0


def changes() -> int:
    """A number that grows if a file system was mounted or unmounted since the last call.  Raises OSError."""
    _table.refresh()
    return _table.changes


def silent() -> frozenset[str]:
    """The mount points of such file systems: absolute paths without links, as of the last changes()."""
    return _table.points


def are_above(path: str) -> bool:
    """Is this path, absolute and without links, on such a file system?  Raises OSError."""
    changes()
    points = _table.points
    return any(path == point or path.startswith(f"{point}/") for point in points)
