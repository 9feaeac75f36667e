"""memory_cap, cpu_cap and tasks_cap: put the calling process under its caps before it executes the program.

Version 2 and 1 of cgroups differ in names only: see proc/controllers.py.  In version 1 we write into `tasks`: that
moves a process of one thread at once, without the wait of spawn/cgroup.py.
"""

from __future__ import annotations

import os

from base.exits import CANNOT_EXECUTE
from base.programs import LaunchError
from proc import cgroup, controllers
from spawn import cgroup as ends

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.launch_settings import Launch

PERIOD_US = 100_000  # of cpu.max, and the default of cpu.cfs_period_us
PART_US = PERIOD_US // 100  # a percent of one core


def join(what: Launch) -> None:
    """Make its cgroup with its caps, and put the calling process into it.  Raises LaunchError."""
    if not what.cgroup:
        raise LaunchError(CANNOT_EXECUTE, f"{' '.join(what.caps)}: {cgroup.objection()}")
    key = next(iter(what.caps))
    try:
        ends.make(what.cgroup)
        for key, value in what.caps.items():
            _cap(key, value, what.cgroup)
        key = next(iter(what.caps))
        ends.write(what.cgroup, "cgroup.procs", "0")
    except OSError as error:
        raise LaunchError(CANNOT_EXECUTE, f"{key} = {what.caps[key]}: {what.cgroup}: {error.strerror}") from None


def renew(what: Launch, group: str) -> str:
    """Set the caps of a living server again: its unit may have switched the controllers off (spawn/cgroup_leaf.py).

    Returns the reason if one cannot be set, else "".
    """
    try:
        for key, value in what.caps.items():
            place = controllers.directory(controllers.CAPS[key], group)
            ends.write(place, *(_v2 if place == group else _v1)(key, value))
    except OSError as error:
        return f"{key} = {value}: {error.strerror}"
    return ""


def _cap(key: str, value: str, group: str) -> None:
    controller = controllers.CAPS[key]
    place = controllers.directory(controller, group)
    if place == group:
        ends.write(place, *_v2(key, value))
        return
    if not os.path.isdir(place):  # one hierarchy may have several controllers
        ends.make(place)
    ends.write(place, *_v1(key, value))
    ends.write(place, "tasks", "0")


def _v2(key: str, value: str) -> tuple[str, str]:
    if key == "cpu_cap":
        return "cpu.max", f"{int(value) * PART_US} {PERIOD_US}"
    return {"memory_cap": "memory.max", "tasks_cap": "pids.max"}[key], value


def _v1(key: str, value: str) -> tuple[str, str]:
    if key == "cpu_cap":
        return "cpu.cfs_quota_us", str(int(value) * PART_US)
    return {"memory_cap": "memory.limit_in_bytes", "tasks_cap": "pids.max"}[key], value
