"""Which monitors run on this state directory, what do they watch, and what do only they know?"""

from __future__ import annotations

import os

from config import settled
from proc import identity
from proc.server import servers_of
from state import findings, lag, presence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from config.settled import Settings
    from proc.server import Server


class Monitors:
    """The monitors that run, their servers, and what only they know.

    found: by place and name; watched: until when each has watched, in Unix time, by the name of its history lines.
    """

    def __init__(self, state_dir: str, now: float, run_dir: str = "") -> None:
        """Now: Unix time; run_dir: of the monitor that asks: on a full disk it is elsewhere."""
        self.groups: dict[str, tuple[str, Settings]] = {}
        self.found: dict[tuple[str, str], list[float]] = {}
        self.watched: dict[str, float] = {}
        directories = [f"{state_dir}/monitors/{pid}" for pid in _listed(f"{state_dir}/monitors")]
        for directory in dict.fromkeys([*directories, *([run_dir] if run_dir else [])]):
            pid = directory.rpartition("/")[2]
            is_alive = identity.look(int(pid)) is not None
            self._note(directory, pid, now if is_alive else 0.0)
            if is_alive:
                self._take(directory)

    def _note(self, directory: str, pid: str, now: float) -> None:
        try:
            boot, seen = presence.seen_last(directory)
            self.watched[f"{pid}-{boot}"] = now or seen
        except (OSError, ValueError):
            pass  # it has just ended

    def _take(self, directory: str) -> None:
        try:
            for name, settings in settled.read(f"{directory}/settled"):
                self.groups[settings.get("kept_in", name)] = name, settings
        except OSError:
            return
        for key, value in findings.read(directory).items():
            self.found.setdefault(key, []).append(value)
        figures = lag.read(directory)
        if figures:
            self.found.setdefault((findings.MONITOR, "lag_seconds"), []).append(lag.worst(figures))

    def servers(self) -> list[Server]:
        """What they watch, each once."""
        groups = [group for group in self.groups.values() if group[0] != settled.SUITE]
        places = settled.joined_list(sorted({settings["dir"] for _, settings in groups}))
        return servers_of([(settled.SUITE, {"directories": places}), *groups])[1] if groups else []

    def figure(self, place: str, name: str, choose: Any = max) -> float | None:
        """What was found; of several monitors the value that choose takes."""
        values = self.found.get((place, name))
        return choose(values) if values else None


def _listed(directory: str) -> list[str]:
    try:
        return sorted((name for name in os.listdir(directory) if name.isdigit()), key=int)
    except OSError:
        return []
