"""base/mounts.py: the mount table, in which anyone who may mount chooses names."""

from __future__ import annotations

from inputs import Chooser, holds, nothing_is_executed

from base import mounts

ESCAPED = b" \t\n\\#"  # the kernel writes these in octal: seq_path() of fs/seq_file.c


def a_mount_point_is_read_as_it_was_mounted(choose: Chooser) -> None:
    """Bytes that are no UTF-8 too."""
    point = b"/srv/" + choose.raw(("nfs", "fuse", "\\040", "\\"), most=6).replace(b"\0", b"").replace(b"/", b"-")
    kind = choose.pick((b"nfs4", b"fuse.sshfs", b"ext4", b"tmpfs"))
    optional = choose.pick((b"", b"shared:3 ", b"shared:3 master:7 "))
    source = _escaped(choose.raw(("host:/x", "none"), most=3).replace(b"\0", b"")) or b"none"
    line = b"36 35 98:0 / %b rw,noatime %b- %b %b rw\n" % (_escaped(point), optional, kind, source)
    found = mounts._points_of(b"22 1 0:20 / / rw shared:1 - ext4 /dev/root rw\n" + line)
    is_remote = kind in (b"nfs4", b"fuse.sshfs") or source.startswith((b"/dev/nbd", b"/dev/rbd", b"/dev/drbd"))
    assert found == (frozenset([point.decode("utf-8", "surrogateescape")]) if is_remote else frozenset()), line


def _escaped(name: bytes) -> bytes:
    return b"".join(b"\\%03o" % byte if byte in ESCAPED else bytes([byte]) for byte in name)


if __name__ == "__main__":
    nothing_is_executed()
    holds(a_mount_point_is_read_as_it_was_mounted, size=24)
