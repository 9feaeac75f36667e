"""Make room for controllers in the cgroup that we are in, as version 2 wants it.

A cgroup passes its controllers on to those below it only while no process is in it itself (the root excepted).  So the
monitor moves into a leaf beside the cgroups of its servers.  systemd >= 254 starts it in one (DelegateSubgroup= of
systemd.resource-control(5)); then the controllers that count are always on.  An older one starts the next monitor in
the cgroup above, which has no room meanwhile: the unit's ExecStopPost= switches the controllers off before that.

Source: Documentation/admin-guide/cgroup-v2.rst of the kernel, "No Internal Process Constraint".
"""

from __future__ import annotations

import os

from proc import cgroup, controllers, identity
from spawn import cgroup as ends

COUNTING = ("memory", "pids")  # what a server uses, and which of its processes the kernel has killed


def pass_on(asked: set[str], monitor: int) -> None:
    """Have these controllers in the cgroups that we make, if the kernel permits that: see controllers.objections().

    monitor: the pid of the monitor, our parent.
    """
    home = cgroup.home()
    if not home:
        return
    wanted = asked | set(COUNTING if os.path.basename(cgroup.own()) == cgroup.LEAVES[0] else ())
    here = set(controllers.words(f"{home}/cgroup.controllers"))
    missing = (wanted & here) - set(controllers.words(f"{home}/cgroup.subtree_control"))
    if not missing:
        return
    try:
        if _make_room(home, monitor):
            ends.write(home, "cgroup.subtree_control", " ".join(f"+{controller}" for controller in sorted(missing)))
    except OSError:
        pass  # a cap that cannot be had is reported for its server


def _make_room(home: str, monitor: int) -> bool:
    """Move the monitor into the leaf, with its guard and with us.  False: another process is there, and stays.

    Beside that process the kernel would refuse memory, but not cpu and pids.  With one of these, the cgroup would be a
    threaded domain, and no process could enter the cgroups of the servers below it ("domain invalid").
    """
    inside = {int(word) for word in controllers.words(f"{home}/cgroup.procs")}
    if not inside or not os.path.exists(f"{home}/cgroup.type"):
        return True  # only the root has no type; it may have both
    if inside - {os.getpid(), monitor, *_guard_of(monitor)}:
        return False
    leaf = f"{home}/{cgroup.LEAVES[1]}"
    if not os.path.isdir(leaf):
        ends.make(leaf)
    for pid in inside:
        ends.write(leaf, "cgroup.procs", str(pid))
    return True


def _guard_of(monitor: int) -> list[int]:
    fields = identity.stat_fields(monitor)
    parent = identity.look(int(fields[1])) if fields else None
    is_guard = parent and any(os.path.basename(word) == "guard_main.py" for word in parent.argv())
    return [parent.pid] if parent and is_guard else []
