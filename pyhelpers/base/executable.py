"""Why can this process not execute a file?  The reasons that execve(2) has, in words for a person.

It imports no more than an error needs: base/programs.py, spawn/launch.py and watch/departure.py import it only after
one.  It looks with the effective user, see base/ids.py.
"""

from __future__ import annotations

import errno
import os
import stat

from base.exits import CANNOT_EXECUTE, NO_SUCH_PROGRAM
from base.ids import Acting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.ids import Ids

MOST_READ = 1 << 16  # bytes of a file, for its first line or its program headers
LONGEST_LINE = 256  # BINPRM_BUF_SIZE of linux/binfmts.h: the kernel reads no more of the first line
ST_NOEXEC = 8  # statvfs(3) of Linux; os has no name for it everywhere
FOREIGN = "neither a program for this machine nor a script that begins with #!"
_ELF = b"\x7fELF"
_PT_INTERP = 3  # elf(5)
_BINFMT = "/proc/sys/fs/binfmt_misc"


def obstacle(path: str) -> str:
    """The first directory on the absolute path, or path itself if it is one, that we may not enter; "" if none."""
    parts = os.path.normpath(path).split("/")
    for count in range(1, len(parts) + 1):
        place = "/".join(parts[:count]) or "/"
        try:
            is_directory = stat.S_ISDIR(os.stat(place).st_mode)
        except OSError as error:
            return os.path.dirname(place) if error.errno == errno.EACCES else ""
        if is_directory and not os.access(place, os.X_OK, effective_ids=True):
            return place
    return ""


def out_of_reach(path: str) -> str:
    """`uid 65534 may not enter /root`; "" if that is not why we do not reach path."""
    place = obstacle(path)
    return f"uid {os.geteuid()} may not enter {place}" if place else ""


def not_entered(directory: str, ids: Ids | None, conf_file: str) -> str:
    """The same for the directory of a server and its user, with what to do."""
    with Acting(ids):
        far = out_of_reach(directory)
    return f"{far}; let it, or set dir or user in {conf_file}" if far else ""


def absent(name: str, directory: str, found: str, candidate: str) -> tuple[int, str]:
    """Status and reason: the program is not there, or not for us.

    found: a file of that name, which we may not execute, or ""; candidate: the last path at which we looked.
    """
    if found:
        return CANNOT_EXECUTE, forbidden(found)
    far = out_of_reach(candidate) if "/" in name else ""
    if far:
        return CANNOT_EXECUTE, f"{candidate} is out of reach: {far}"
    return NO_SUCH_PROGRAM, f"{name} is not in {directory if '/' in name else 'PATH'}"


def refused(program: str, error: OSError) -> tuple[int, str]:
    """Status and reason: execve(2) has refused the program with this error."""
    if error.errno == errno.ENOEXEC:
        return CANNOT_EXECUTE, f"{program}: {FOREIGN}"
    why = unfit(program)
    if error.errno == errno.ENOENT:
        return NO_SUCH_PROGRAM, f"{program}: {why or 'it, or the interpreter that it names, is not there'}"
    return CANNOT_EXECUTE, f"{program}: {why or error.strerror}"


def forbidden(path: str) -> str:
    """Why we may not execute this file, which is there, and what to do."""
    try:
        status = os.stat(path)
        is_noexec = os.statvfs(path).f_flag & ST_NOEXEC
    except OSError as error:
        return f"{path}: {error.strerror}"
    mode = stat.S_IMODE(status.st_mode)
    if not mode & 0o111:
        return f"{path} is not executable; chmod +x it"
    if is_noexec:
        return f"{path} is on a file system that is mounted noexec; put it elsewhere"
    return f"{path} may not be executed by uid {os.geteuid()} (mode {mode:o}, owner uid {status.st_uid}); chmod it"


def unfit(path: str) -> str:
    """What the kernel lacks to execute this file: an interpreter, a loader; "" if nothing, or if we cannot tell."""
    try:
        head = _head(path)
    except OSError:
        return ""  # a program that may be executed and not read
    if head.startswith(b"#!"):
        return _of_first_line(_first_line(head))
    if head.startswith(_ELF):
        return _of_loader(_loader(head))
    return "" if _has_other_formats() else FOREIGN


def interpreter_in_path(path: str) -> str:
    """The program that `#!/usr/bin/env PROGRAM` of this script searches in PATH; "" if it is no such script."""
    try:
        head = _head(path)
    except OSError:
        return ""
    words = os.fsdecode(_first_line(head)).split() if head.startswith(b"#!") else []
    if not words or os.path.basename(words[0]) != "env":
        return ""
    return next((word for word in words[1:] if word[0] != "-" and "=" not in word), "")


def _head(path: str) -> bytes:
    """The beginning of a regular file.  Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return os.read(fd, MOST_READ) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    finally:
        os.close(fd)


def _first_line(head: bytes) -> bytes:
    return head[2:LONGEST_LINE].partition(b"\n")[0].strip(b" \t")


def _of_first_line(line: bytes) -> str:
    if not line:
        return "its first line names no interpreter; write one, like #!/bin/sh"
    if line.endswith(b"\r"):
        return "its first line ends with a carriage return; save it with the line ends of Unix"
    path = os.fsdecode(line.split()[0])
    if not os.path.exists(path):
        return f"its interpreter {path} is not there; install that, or mend its first line"
    if not os.access(path, os.X_OK, effective_ids=True):
        return f"its interpreter {forbidden(path)}"
    return ""


def _of_loader(path: str) -> str:
    if not path or os.path.exists(path):
        return ""
    return f"its loader {path} is not there; install that, or build the program for this system"


def _loader(head: bytes) -> str:
    """The path in PT_INTERP of an ELF file of our byte order and word size; "" if there is none: elf(5)."""
    import struct
    import sys

    is_ours = head[4:6] == bytes([2 if sys.maxsize > 1 << 32 else 1, 1 if sys.byteorder == "little" else 2])
    if not is_ours or head[4] != 2:
        return ""
    table, size, count = struct.unpack_from("=Q", head, 32)[0], *struct.unpack_from("=HH", head, 54)
    for at in range(table, table + size * count, size or 1):
        if at + 56 <= len(head) and struct.unpack_from("=I", head, at)[0] == _PT_INTERP:
            begin, length = struct.unpack_from("=Q", head, at + 8)[0], struct.unpack_from("=Q", head, at + 32)[0]
            return os.fsdecode(head[begin : begin + length].rstrip(b"\0"))
    return ""


def _has_other_formats() -> bool:
    """Does the kernel execute other formats too, such as those of another machine?  See binfmt_misc."""
    try:
        return bool(set(os.listdir(_BINFMT)) - {"register", "status"})
    except OSError:
        return False
