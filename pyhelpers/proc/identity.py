"""Who is this process?  A pid alone proves nothing; pid + start ticks identify a process.

    >>> look(1).exe
    '/usr/lib/systemd/systemd'

All facts come from /proc, in the format of proc(5).  Start ticks are field 22 of /proc/PID/stat:
they count from boot, so setting the clock does not change them.
"""

from __future__ import annotations

import os

from base import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DELETED = " (deleted)"
INVOCATION = "INVOCATION_ID="  # a launch has an id, as a unit's has under systemd: see config/launch_settings.py
PIECE = 1 << 16
INTERPRETERS = (
    "java python pypy sh dash bash ash busybox mksh ksh yash zsh perl ruby node nodejs php lua tclsh "
    "guile mono dotnet beam.smp erl Rscript"
).split()


class Process:
    """One living (or zombie) process, as it was when we looked at it.

    state is the letter of proc(5); ticks its start in clock ticks since boot; group and
    sid its process group and session; exe lacks the kernel's " (deleted)"; exe and cwd are "" if
    the kernel does not let us read them.  image: see proc/succession.py.
    """

    __slots__ = ("_argv", "cwd", "exe", "group", "image", "pid", "ppid", "sid", "state", "ticks")

    def __init__(self, pid: int, fields: list[str]) -> None:
        self.pid = pid
        self.state = fields[0]
        self.ppid = int(fields[1])
        self.group = int(fields[2])
        self.sid = int(fields[3])
        self.ticks = int(fields[19])
        self.image = image(fields)
        self._argv: list[str] | None = None
        self._place()

    def argv(self) -> list[str]:
        """Its arguments, read at the first call; [] if it has none (a kernel thread) or we may not read them.

        Between our look and this call the child of a launcher may have changed to its directory and executed its
        program: it would have these arguments in the directory of the launcher.  So that call sets exe and cwd again.
        """
        if self._argv is None:
            text = _read(f"/proc/{self.pid}/cmdline", 1 << 17)
            self._argv = text.rstrip("\0").split("\0") if text else []
            self._place()
        return self._argv

    def _place(self) -> None:
        self.exe = _link(f"/proc/{self.pid}/exe").removesuffix(DELETED)
        self.cwd = _link(f"/proc/{self.pid}/cwd").removesuffix(DELETED)


def look(pid: int) -> Process | None:
    """The process that has this pid now, or None if there is none or it is a zombie.

    A zombie keeps its pid and accepts kill(pid, 0), but it serves no client: it is dead.
    """
    fields = stat_fields(pid)
    if fields is None or fields[0] in "ZX":
        return None
    return Process(pid, fields)


def stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from field 3 (state) on; None: no such process.

    The name (field 2) may hold blanks and parentheses, so it ends at the last ")".
    """
    text = _read(f"/proc/{pid}/stat", 1024)
    return text[text.rfind(")") + 2 :].split() if text else None


def image(fields: Sequence[str]) -> str:
    """The stack address (startstack) of the program that it has executed; "" if we may not read it, or for a zombie."""
    return fields[25] if fields[25] != "0" else ""


def ticks_of(pid: int) -> int:
    """Start ticks of the process with this pid, zombie or not; 0: there is none."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def real_uid(pid: int) -> int:
    """Its real user id, or -1: gone.  (The owner of /proc/PID is root for a process that changed user.)"""
    return uids(pid)[0]


def uids(pid: int) -> list[int]:
    """Its real, effective, saved and file system user id; [-1]: gone."""
    for line in _read(f"/proc/{pid}/status", 4096).split("\n"):
        if line.startswith("Uid:"):
            return [int(word) for word in line.split()[1:]]
    return [-1]


def children(pid: int, thread: int = 0) -> list[int]:
    """Pids of the children of PID's thread (its main thread by default)."""
    return [int(word) for word in text_of(f"/proc/{pid}/task/{thread or pid}/children").split()]


def invocation(pid: int) -> str:
    """The INVOCATION_ID in the environment that its program was executed with; "" if none, or if we may not read it.

    The kernel waits for the process's memory map (mmap_lock), so ask only if nothing else proves the descent.
    """
    for word in text_of(f"/proc/{pid}/environ").split("\0"):
        if word.startswith(INVOCATION):
            return word[len(INVOCATION) :]
    return ""


def shares_our_files(pid: int) -> bool:
    """Does a path mean the same file to it as to us?  In a mount namespace of its own, any path may be any file."""
    ours = _link("/proc/self/ns/mnt")
    return ours != "" and _link(f"/proc/{pid}/ns/mnt") == ours


def interpreter(exe: str) -> bool:
    """Is this the path of a program that runs scripts?  python3.11 counts as python."""
    return os.path.basename(exe).rstrip("0123456789.") in INTERPRETERS or os.path.basename(exe) in INTERPRETERS


def shows(process: Process, words: Sequence[str], program: str) -> bool:
    """Does the process show every word?  program: the resolved path that the server's command runs.

    A process shows a word as the base name of its exe or argv[0]; if its exe is the program itself
    or an interpreter, also as a whole argument or an argument's base name.  So
    `vim msg_server` is never a msg_server, whatever its command line holds.
    """
    argv = process.argv()
    names = {os.path.basename(process.exe)}
    names.update(os.path.basename(word) for word in argv[:1])
    is_program = process.exe != "" and process.exe == places.real(program)
    if is_program:
        names.add(os.path.basename(program))  # redis-server is a link to redis-check-rdb
    if is_program or interpreter(process.exe):
        names.update(argv[1:])
        names.update(os.path.basename(word) for word in argv[1:])
    return all(word in names for word in words)


def _read(path: str, most: int) -> str:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(fd, most).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    finally:
        os.close(fd)


def text_of(path: str) -> str:
    """A file of /proc, read to its end; "" if there is none.

    For some files one read(2) returns at most 4 KiB, whatever the size of the buffer.
    """
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    pieces = []
    try:
        while piece := os.read(fd, PIECE):
            pieces.append(piece)
    except OSError:
        pass  # it has ended meanwhile
    finally:
        os.close(fd)
    return b"".join(pieces).decode("utf-8", "surrogateescape")


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
