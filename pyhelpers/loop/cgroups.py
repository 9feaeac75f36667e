"""May this host make cgroups, and how does all end that is in one?

A host that may make none loads nothing but this and proc/cgroup.py.
"""

from __future__ import annotations

from proc import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.cgroup_batch import Cgroups
    from loop.host import Reaper
    from proc.descent import Descent


def load() -> type[Cgroups] | None:
    """Load what a host needs that may make cgroups; None if it may make none."""
    if not cgroup.home():
        return None
    from loop.cgroup_batch import Cgroups

    return Cgroups


def of(host: Reaper) -> Cgroups | None:
    """Those of this host; None if it may make none."""
    kind = load()
    if not kind:
        return None
    found = host.shared.get("cgroups")
    if not isinstance(found, kind):
        found = host.shared["cgroups"] = kind(host.loop, cgroup.home())
    return found


def fresh(host: Reaper, name: str) -> str:
    """The directory of a cgroup for what is launched next, which does not exist yet; "" if we may make none."""
    ours = of(host)
    return ours.fresh(name) if ours else ""


def take_in(host: Reaper, directory: str, pid: int, ticks: int) -> None:
    """Make this cgroup, and put the process into it, which we have just launched; "": there is none."""
    ours = of(host) if directory else None
    if ours:
        ours.take_in(directory, pid, ticks)


def retire(host: Reaper, directory: str) -> None:
    """Remove this cgroup as soon as nothing is in it; "": there is none."""
    ours = of(host) if directory else None
    if ours:
        ours.retire(directory)


def remove_now(directory: str) -> None:
    """Remove this cgroup if nothing is in it; the caller is no loop, and may wait."""
    if cgroup.is_ours(directory):
        from spawn import cgroup as ends

        ends.remove(directory)


def kill(host: Reaper, of: Descent) -> bool:
    """Kill all that is in its cgroup, in one step; False: nothing is, or that may not be.

    It may not if we are in it ourselves, or one of the servers that we follow.
    """
    if not of.cgroup or not cgroup.is_populated(of.cgroup) or cgroup.are_we_in(of.cgroup):
        return False
    if any(pid in host.followed for pid in of.inside()):
        return False
    from spawn import cgroup as ends

    return ends.kill(of.cgroup)


def killing_steps(host: Reaper, of: Descent) -> list[str]:
    """Kill all that is in its cgroup; return the steps that are left for an Ending: KILL for each, or none."""
    return [] if kill(host, of) else ["KILL"]
