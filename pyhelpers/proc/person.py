"""Which person is behind a process?  The one who logged in, even if sudo or su has made it another user's.

Source: proc_pid_loginuid(5), set by pam_loginuid(8); proc_pid_status(5), Uid.
"""

from __future__ import annotations

NO_LOGIN = 0xFFFFFFFF  # of what no login has started; also where the kernel has no audit
UNKNOWN = -1


def behind(pid: int) -> int:
    """The login uid, or the real uid if there is none; UNKNOWN: the process has ended.

    It tells what the process is now; a member of control_group that wants to hide may name the pid of another one.
    """
    try:
        login = int(_read(pid, "loginuid") or NO_LOGIN)
        return login if login != NO_LOGIN else _real(_read(pid, "status"))
    except (OSError, ValueError):
        return UNKNOWN


def _real(status: bytes) -> int:
    return int(status.partition(b"\nUid:")[2].split(None, 1)[0])


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb", 0) as file:
            return file.read(4096)
    except FileNotFoundError:
        if name == "loginuid":
            return b""
        raise
