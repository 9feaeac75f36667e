"""Kill all of a server now: its process, its session, its cgroup, and what carries the id of its launch.

For the end of a lease: from the next moment on another machine may run it.  It takes no step that may wait for others
before it has killed all that it knows; then it looks for the rest, until a look finds none.
"""

from __future__ import annotations

import os

from proc import cgroup, descent, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from proc.descent import Descent

LOOKS = 5


def kill_tree(of: Descent, known: Mapping[int, int], looks: int = LOOKS) -> int:
    """Kill it.  known: pid -> start ticks of those that we know.  Returns how many got a signal.

    looks: at the process table; 0 if the caller looks for the rest in its own way.  A /proc file may block.

    It never kills us, nor the cgroup that we are in.
    """
    killed = _kill_all(known)
    if of.cgroup and cgroup.is_ours(of.cgroup) and not cgroup.are_we_in(of.cgroup):
        from spawn import cgroup as ends

        ends.kill(of.cgroup)
    for _ in range(looks):
        table = descent.table_of(int(name) for name in os.listdir("/proc") if name.isdigit())
        found = of.members(table, {os.getpid(), os.getppid()})
        if not found:
            break
        killed += _kill_all(found)
    return killed


def _kill_all(known: Mapping[int, int]) -> int:
    return sum(signal_one(pid, ticks, "KILL") for pid, ticks in known.items())


def signal_one(pid: int, ticks: int, name: str) -> bool:
    """Send a signal to this process, if it is still the same; False: it is gone, or not ours to signal."""
    import signal  # its enums cost 1 MiB

    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if identity.ticks_of(pid) != ticks:
            return False
        signal.pidfd_send_signal(pidfd, getattr(signal, f"SIG{name}"))
    except OSError:
        return False
    finally:
        os.close(pidfd)
    return True
