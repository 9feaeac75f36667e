"""What the kernel killed of a server for lack of memory.  Loaded when a process was killed, or for a memory_cap."""

from __future__ import annotations

from proc import oom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watch.lifecycle import Life


def has_struck(life: Life, struck: bool) -> bool:
    """Did the kernel kill the server's process, which a KILL has ended?  struck: it killed some process just now."""
    return _more(life) > 0 or (struck and bool(oom.victim(life.server.pid)))


def detail(life: Life) -> str:
    """Which process it killed, and how much that had of what the server may have, as far as the kernel's log tells."""
    server = life.server
    found = oom.victim(server.pid, server.cgroup)
    cap = server.launch.caps.get("memory_cap", "")
    return f", {found}" + (f" of {int(cap) >> 20}M" if cap else "") if found else ""


def look(life: Life) -> None:
    """Report it when the kernel has killed one of its processes and the server lives on."""
    if _more(life) > 0:
        found = detail(life) or ", which the kernel's log does not name"
        life.watcher.say(life.server, f"the kernel has killed one of its processes for lack of memory{found}")


def _more(life: Life) -> int:
    """How many the kernel has killed in its cgroup since the last look; 0 if the cgroup does not count them."""
    server = life.server
    count = oom.kills(server.cgroup) if server.cgroup else -1
    before, server.oom_kills = server.oom_kills, max(count, 0)
    return count - before if count >= 0 else 0
