"""Make room for controllers in the cgroup that we are in, as version 2 wants it.

A cgroup passes its controllers on to those below it only while no process is in it itself (the root excepted).  So the
monitor moves into one of its own, the leaf; servers get theirs beside that.  systemd >= 254 starts us there
(DelegateSubgroup= of systemd.resource-control(5)).

Source: Documentation/admin-guide/cgroup-v2.rst of the kernel, "No Internal Process Constraint".
"""

from __future__ import annotations

import os

from proc import cgroup, controllers, identity
from spawn import cgroup as ends

DELEGATED = ("user.delegate", "trusted.delegate")  # attributes by which systemd marks what it has handed over
ALWAYS = ("memory", "pids")  # they count what a server uses, and which of its processes the kernel has killed


def pass_on(asked: set[str], monitor: int) -> None:
    """Have the controllers in the cgroups that we make, if the kernel permits that: see controllers.objections().

    asked: those that conf needs; where systemd has delegated the cgroup to us, also those that count.
    monitor: the pid of the monitor, our parent.
    """
    home = cgroup.home()
    wanted = asked | set(ALWAYS if _is_delegated(home) else ()) if home else set()
    here = set(controllers.words(f"{home}/cgroup.controllers"))
    missing = (wanted & here) - set(controllers.words(f"{home}/cgroup.subtree_control"))
    if not missing:
        return
    try:
        _enter_leaf(home, monitor)
        ends.write(home, "cgroup.subtree_control", " ".join(f"+{controller}" for controller in sorted(missing)))
    except OSError:
        pass  # a cap that cannot be had is reported for its server


def _is_delegated(home: str) -> bool:
    for attribute in DELEGATED:
        try:
            if os.getxattr(home, attribute) == b"1":
                return True
        except OSError:
            pass  # no such attribute, or it is not for us
    return False


def _enter_leaf(home: str, monitor: int) -> None:
    """Move the monitor into the leaf, with its guard and with us; any other process stays, and is in the way."""
    us = {os.getpid(), monitor, *_guard_of(monitor)}
    inside = {int(word) for word in controllers.words(f"{home}/cgroup.procs")}
    if not inside or inside - us:
        return  # no one is in the way; or someone who is not ours, which the kernel forgives in the root alone
    leaf = f"{home}/{cgroup.LEAF}"
    if not os.path.isdir(leaf):
        ends.make(leaf)
    for pid in inside:
        ends.write(leaf, "cgroup.procs", str(pid))


def _guard_of(monitor: int) -> list[int]:
    fields = identity.stat_fields(monitor)
    parent = identity.look(int(fields[1])) if fields else None
    is_guard = parent and any(os.path.basename(word) == "guard_main.py" for word in parent.argv())
    return [parent.pid] if parent and is_guard else []
