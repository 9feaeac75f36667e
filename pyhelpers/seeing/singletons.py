"""Which singletons does this machine have, for which is it a candidate, and when did etcd hear it last?

By the states and leases on disk (state/lease.py): nobody asks etcd for it.
"""

from __future__ import annotations

from base.clock import boot_seconds
from config import settled
from state import lease, record
from state.paths import server_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from config.settled import Settings
    from proc.server import Server

    class Shown(Protocol):
        """seeing/exposition.py"""

        def add(self, metric: str, value: float | None, suffix: str = "", **labels: str) -> None:
            """Take one sample."""


class Singletons:
    """Those of one state directory.  groups: what the monitors watch; now: Unix time."""

    def __init__(self, state_dir: str, groups: dict[str, tuple[str, Settings]], now: float) -> None:
        self._state_dir = state_dir
        suite = next((settings for name, settings in groups.values() if name == settled.SUITE), {})
        self._seconds = int(suite.get("fleet_lease") or 0) / 1000
        self._boot = record.boot_id()
        self._began = now - boot_seconds()
        self._last_beat: float | None = None

    def add(self, shown: Shown, server: Server, row: dict[str, Any]) -> None:
        """One of them.  row: of operate/look.py."""
        known = lease.read(server_directory(self._state_dir, server.kept_in), self._boot)
        is_candidate = row["state"] == "STANDBY" and not known
        shown.add("monitor_singleton_holder", known is not None, server=server.shown)
        shown.add("monitor_singleton_candidate", is_candidate, server=server.shown)
        if known:
            shown.add("monitor_singleton_token", known.token, server=server.shown)
            self._last_beat = max(self._last_beat or 0.0, self._began + known.deadline - self._seconds)

    def add_beat(self, shown: Shown) -> None:
        """Of all: when the last beat was sent of which etcd has said that it is written."""
        shown.add("monitor_fleet_last_beat_timestamp_seconds", self._last_beat)
