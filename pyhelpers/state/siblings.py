"""Which processes belong to the other instances of a server?  They may look the same: one program, one directory.

Our records tell them apart, whichever monitor has written them.
"""

from __future__ import annotations

import os

from base.instance_names import split
from proc import evidence
from state import record
from state.namesakes import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from proc.server import Server


def pids(state_dir: str, servers: Iterable[Server]) -> set[int]:
    """The living processes that the records of other instances of these servers name; most servers have none."""
    instances = [server for server in servers if server.base != server.name]
    if not instances:
        return set()
    bases, these = {server.base for server in instances}, {server.kept_in for server in instances}
    try:
        entries = os.listdir(f"{state_dir}/servers")
    except OSError:
        return set()
    others = [entry for entry in entries if split(name_of(entry))[0] in bases and entry not in these]
    boot = record.boot_id()
    return {pid for entry in others if (pid := _living(f"{state_dir}/servers/{entry}", boot))}


def _living(directory: str, boot: str) -> int:
    try:
        process = evidence.recorded(record.read(directory), boot)
    except (record.Torn, OSError):
        return 0
    return process.pid if process else 0
