"""Which controllers (memory, cpu, pids) are here, and where are their files of a server's cgroup?

    >>> directory("memory", "/sys/fs/cgroup/unified/msg_server.6e0c9a1b2c3d4e5f.monitored")
    '/sys/fs/cgroup/memory/msg_server.6e0c9a1b2c3d4e5f.monitored'

Where version 2 has the controller, that is the cgroup itself.  A hybrid machine has it in version 1, in a hierarchy of
its own; the cgroup gets a namesake there, below the one that we are in.

Source: cgroups(7); Documentation/admin-guide/cgroup-v1 of the kernel.
"""

from __future__ import annotations

import os

from proc import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

# the key of conf -> its controller
CAPS = {"memory_cap": "memory", "cpu_cap": "cpu", "tasks_cap": "pids"}

_v1: dict[str, str] = {}


def directory(controller: str, group: str) -> str:
    """Where the files of this controller are for that cgroup; "" if we may not make one with it."""
    above, _, name = group.rpartition("/")
    if controller in words(f"{above}/cgroup.subtree_control"):
        return group
    place = v1(controller)
    return f"{place}/{name}" if place and name else ""


def namesakes(group: str) -> list[str]:
    """The directories of version 1 that this cgroup may have, besides its own."""
    name = group.rpartition("/")[2]
    return [f"{place}/{name}" for place in dict.fromkeys(map(v1, CAPS.values())) if place]


def v1(controller: str) -> str:
    """Our own directory in the version 1 hierarchy of this controller; "" if there is none that we may write."""
    if controller not in _v1:
        try:
            found = cgroup.mounted(controller)
        except OSError:
            found = ""
        _v1[controller] = found if found and os.access(found, os.W_OK) else ""
    return _v1[controller]


def words(path: str) -> list[str]:
    """The words of a file of a cgroup; [] if there is none."""
    try:
        return cgroup.read(path).decode().split()
    except OSError:
        return []


def _is_here(controller: str) -> bool:
    """Does this machine, or this container, have it in any version?"""
    try:
        is_in_v1 = os.path.exists(f"{cgroup.mounted(controller)}/cgroup.procs")
        return is_in_v1 or controller in words(f"{cgroup.root()}/cgroup.controllers")
    except OSError:
        return False


def objections(servers: Iterable[Mapping[str, Any]], is_monitor: bool = False) -> list[str]:
    """Why the caps that conf asks for cannot be had on this machine, a line for a person each.

    servers: typed values of config/settle.py.  is_monitor: we are in the cgroup of a monitor, below which they must be.
    """
    asked = [(server, key) for server in servers for key in CAPS if server.get(key)]
    return [
        f"{server['conf_file']}: {key}: {why}" for server, key in asked if (why := _objection(server, key, is_monitor))
    ]


def _objection(server: Mapping[str, Any], key: str, is_monitor: bool) -> str:
    controller = CAPS[key]
    if server["cgroup"] == "no":
        return f"needs a cgroup, and cgroup is no; set cgroup = auto, or {key} = none"
    if not _is_here(controller):
        return f"this machine has no {controller} controller, in cgroup version 2 or 1; set {key} = none"
    if is_monitor and not cgroup.home():
        return f"{cgroup.objection()}, or set {key} = none"
    if is_monitor and not directory(controller, f"{cgroup.home()}/{cgroup.SUFFIX}"):
        return (
            f"{cgroup.home()} has no {controller} controller for its children; "
            f"run the monitor in a unit of its own with Delegate=yes, or set {key} = none"
        )
    return ""
