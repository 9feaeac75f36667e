"""Which servers need one that an operator stops?  They go on without it, and the operator should know that."""

from __future__ import annotations

from base.exits import Refused
from config import settle
from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.context import Place
    from operate.target import Target

DOWN = ("", "STOPPED", "EXITED", "FATAL")


def of(place: Place, targets: list[Target]) -> dict[str, list[str]]:
    """For each target the names of the servers that need it, and that are neither down nor stopped with it."""
    stopped = {target.name for target in targets}
    try:
        others = [server for server in place.servers(["all"], quiet=True) if server.name not in stopped]
    except (settle.ConfError, Refused, OSError):
        return {}
    up = [server for server in others if _state(place.record_of(server)) not in DOWN]
    return {name: [server.name for server in up if name in server.needs] for name in stopped}


def words(names: list[str]) -> str:
    """`; api needs it`, `; api and web need it`; "" for none."""
    if not names:
        return ""
    *most, last = names
    return f"; {', '.join(most)} and {last} need it" if most else f"; {last} needs it"


def _state(directory: str) -> str:
    try:
        return record.read(directory).get("state", "")
    except record.Torn:
        return ""
