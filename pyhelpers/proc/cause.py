"""Why did a process end?

    "exit 3", "signal SEGV", "signal KILL (oom)", or "unknown" if no source knows.

There are three sources: waitid(2) for our own child; field 52 of /proc/PID/stat while the
process is the zombie of another parent; PIDFD_GET_INFO with PIDFD_INFO_EXIT
(include/uapi/linux/pidfd.h, Linux >= 6.15) after its parent has reaped it.
"""

from __future__ import annotations

import fcntl
import os
import struct

from proc.identity import stat_fields

UNKNOWN = "unknown"
# signal(7), the generic numbering of x86, arm and most others; importing signal's enum costs 1 MiB permanently
SIGNALS = (
    "0 HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU "
    "URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
).split()
KILL = 9
PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, struct pidfd_info of 64 bytes)
PIDFD_INFO_EXIT = 1 << 3


def of_child(pid: int, reap: bool = True) -> str | None:
    """The cause if our child has ended; None if it lives or is not our child.  Without reap it stays a zombie."""
    try:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | (0 if reap else os.WNOWAIT))
    except ChildProcessError:
        return None
    if ended is None:
        return None
    return f"exit {ended.si_status}" if ended.si_code == os.CLD_EXITED else _signal(ended.si_status)


def of_other(pid: int, ticks: int, pidfd: int) -> str:
    """The cause of a process that is not our child and has ended; "unknown" if no source knows."""
    fields = stat_fields(pid)
    if fields and fields[0] in "ZX" and int(fields[19]) == ticks and len(fields) > 49:
        status = int(fields[49])
        # 0 also means "you may not look" (PTRACE_MODE_READ_FSCREDS): believe it only if we may read its environ
        if status or os.access(f"/proc/{pid}/environ", os.R_OK):
            return of_status(status)
    return _of_pidfd(pidfd)


def of_status(status: int) -> str:
    """A wait(2) status in words."""
    return _signal(status & 0x7F) if status & 0x7F else f"exit {status >> 8 & 0xFF}"


def oom_kills() -> int:
    """How many processes the kernel has killed since boot because memory ran out (oom_kill in /proc/vmstat)."""
    with open("/proc/vmstat", "rb", buffering=0) as vmstat:
        text = vmstat.read(1 << 16)
    at = text.find(b"\noom_kill ")
    return int(text[at + 10 :].split(None, 1)[0]) if at >= 0 else 0


def _of_pidfd(pidfd: int) -> str:
    info = bytearray(64)
    struct.pack_into("=Q", info, 0, PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, PIDFD_GET_INFO, info)
    except OSError:
        return UNKNOWN
    mask, status = struct.unpack_from("=Q52xi", info)
    return of_status(status) if mask & PIDFD_INFO_EXIT else UNKNOWN


def _signal(number: int) -> str:
    return f"signal {SIGNALS[number] if number < len(SIGNALS) else number}"
