"""The files of a conf directory: which there are, what they set, and which keys they may set."""

from __future__ import annotations

import os

from config import grammar, keys, neighbours, trust
from config.values import NAME_RULE, is_server_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.grammar import Fault, Setting


class ConfFiles:
    """One reading of them.  faults: everything that is wrong."""

    def __init__(self, conf_dir: str) -> None:
        self.faults: set[Fault] = set()
        self.monitor_path = os.path.join(conf_dir, "monitor.conf")
        self._servers_dir = os.path.join(conf_dir, "servers")
        self._files: dict[str, dict[str, Setting] | None] = {}
        self._usable = self._may_use(conf_dir, "name one with -c DIR") and self._may_use(self._servers_dir, "make it")
        self._known: list[str] = self._list_servers() if self._usable else []

    def _fault(self, path: str, line: int, words: str) -> None:
        self.faults.add((path, line, words))

    def _may_use(self, directory: str, advice: str) -> bool:
        try:
            words, remedy = trust.judge(directory)
            os.listdir(directory)
        except OSError as error:
            words, remedy = grammar.reason(error), ""
        if words:
            self._fault(directory, 0, f"{words}; run: {remedy}" if remedy else f"{words}; {advice}")
        return not words

    def _list_servers(self) -> list[str]:
        """Return the names of servers/*.conf, sorted, without hidden files; report names that no server can have."""
        names = []
        for entry in sorted(os.listdir(self._servers_dir)):
            name = entry[: -len(".conf")]
            if not entry.endswith(".conf") or entry.startswith("."):
                continue
            if is_server_name(name):
                names.append(name)
            else:
                self._fault(self._path(ascii(name)[1:-1]), 0, f"cannot name a server; rename it: {NAME_RULE}")
        return names

    def _path(self, name: str) -> str:
        return f"{self._servers_dir}/{name}.conf"

    def _read(self, path: str) -> dict[str, Setting] | None:
        """Return the settings of a file, None if it does not exist; read each file once."""
        if path not in self._files:
            try:
                settings, faults = grammar.read(path)
            except FileNotFoundError:
                self._files[path] = None
            else:
                self.faults.update(faults)
                self._files[path] = self._known_only(settings, path == self.monitor_path)
        return self._files[path]

    def _known_only(self, settings: dict[str, Setting], is_monitor: bool) -> dict[str, Setting]:
        """Return the settings with known keys; report each other key as a fault."""
        if is_monitor and "instances" in settings:
            text, path, line = settings.pop("instances")
            if text not in ("", "none"):
                self._fault(path, line, "instances: says how many of one server; move it to servers/NAME.conf")
        for key in list(settings):
            if key in keys.SERVER or (is_monitor and key in keys.SUITE):
                continue
            _, path, line = settings.pop(key)
            if key in keys.SUITE:
                self._fault(path, line, f"{key} is for the whole suite; move it to {self.monitor_path}")
            else:
                known = [*keys.SUITE, *keys.SERVER] if is_monitor else list(keys.SERVER)
                hint = neighbours.meant(key, known, neighbours.KEYS)
                self._fault(path, line, f'unknown key "{key}"{hint or "; take it out"}')
        return settings
