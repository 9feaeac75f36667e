"""What does this conf directory say about a server? monitor.conf overrides the defaults, servers/NAME.conf both.

NAME@PORT is an instance of NAME: it has that port, and its file is servers/NAME@PORT.conf, else servers/NAME.conf.
If the command or match of NAME uses `{port}`, NAME means the instance with the port that its file sets: `business` is
`business@11000`. If that file sets `instances`, NAME means all of them, and there are no others. `{port}` and
`{instance}` are replaced in every value of a server. `conf_file` is settled too, although it is no key:
messages name this file when they advise a change. Its path begins with CONF_DIR as the user gave it. So is `dir_from`,
who says where the server runs: `conf`; the current directory (`here`); or no one, and it is `beside` the suite.

config/settle.py imports it and has the command line.
"""

from __future__ import annotations

import os

from base import places
from base.instance_names import split
from base.tokens import nearest
from config import channel_pairs, check_values, grammar, instances, keys, needs, private_values, settled
from config.conf_files import ConfFiles
from config.tags import Tags
from config.values import is_tag, split_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.grammar import Setting
    from config.keys import Values

# Keys whose two parts are stored as two values.
HALVES = {
    "backoff": ("backoff_first", "backoff_longest"),
    "give_up": ("give_up_count", "give_up_window"),
    "needs": ("needs", "needs_elsewhere"),
    "stop": ("stop_command", "stop"),
}


class _Server:
    """A settled server.  base: its name without the port; needs_at: file and line that set its `needs`."""

    __slots__ = ("base", "name", "needs_at", "values")

    def __init__(self, base: str, values: Values, needs: Setting) -> None:
        self.name: str = values["name"]
        self.base = base
        self.values = values
        self.needs_at = needs[1:]


class ConfDir(ConfFiles):
    """One reading of a conf directory: the settings of its files, and in `faults` everything that is wrong."""

    def __init__(self, conf_dir: str, root: str, cwd: str, there: bool = False) -> None:
        """there: servers without `dir` are known to run in cwd."""
        super().__init__(conf_dir)
        self._root, self._cwd, self._there = root, cwd, there
        self._place_of_conf = _absolute(conf_dir, cwd)
        self._servers: dict[str, _Server] = {}
        self._instances: dict[str, dict[str, None] | None] = {}
        self._tags = Tags(lambda: ConfDir(conf_dir, root, cwd, there).all_values())
        self._monitor: dict[str, Setting] = (self._read(self.monitor_path) or {}) if self._usable else {}
        self._shared = self._share()

    def suite(self) -> Values:
        """Return the values of the suite's own keys; `state_dir` is absolute, or "" if it is not set."""
        values: Values = {key: parse(default) for key, (default, parse) in keys.SUITE.items()}
        for key in keys.SUITE:
            if key in self._monitor:
                self._put(values, key, self._monitor[key])
        if values["deadman"]:
            self._require_secret("deadman")
        if values["report"]:
            values["report"][0] = _absolute(values["report"][0], self._root)
        is_set = "state_dir" in self._monitor
        values["state_dir"] = _absolute(values["state_dir"], self._root) if is_set else ""
        values["metrics"] = values["metrics"] and _absolute(values["metrics"], self._root)
        return values

    def _require_secret(self, key: str) -> None:
        """Report a fault if others may read monitor.conf, which holds the secret value of this key."""
        _, path, line = self._monitor[key]
        mode = os.stat(path).st_mode & 0o777
        if mode & 0o077:
            self._fault(
                path, line, f"{key}: a secret, and may be read by others (mode {mode:o}); run: chmod 600 {path}"
            )

    def servers(self, words: list[str], watched: bool) -> list[Values]:
        """Return the values of the servers that words name, each once; without those that could not be settled.

        watched: one monitor is to watch them, so both ends of each channel must be among them.
        """
        if not self._usable:
            return []
        names = [name for word in words for name in (self._known if word == "all" else [word])]
        if not names:
            self._fault(self._servers_dir, 0, "holds no server; add NAME.conf")
        asked = {server.name: server for name in names for server in self._meant(name)}
        self._settle_needs(list(asked.values()))
        if watched:
            self.faults.update(channel_pairs.pair([self._place_of("channels", server) for server in asked.values()]))
            self.faults.update(
                channel_pairs.addresses([self._place_of("sockets", server) for server in asked.values()])
            )
        return [server.values for server in asked.values()]

    def all_values(self) -> list[Values]:
        """Return the values of all servers, as far as they can be settled; not what their `needs` mean."""
        return [server.values for name in self._known for server in self._meant(name)]

    def has(self, name: str) -> bool:
        """Is there a file for a server of this name, or for several that it means?"""
        if is_tag(name):
            return bool(self._tags.names(name))
        base, instance = split(name)
        listed = self._listed(base) if instance else {}
        is_listed = listed is None or not listed or instance in listed
        return os.path.exists(self._file_of(name)) if is_listed else os.path.exists(self._path(name))

    def settings(self) -> list[tuple[str, Setting]]:
        """Return the keys and settings of all files that were read."""
        return [item for found in self._files.values() if found for item in found.items()]

    def set_at(self, name: str, key: str) -> tuple[str, int]:
        """Return the file and line that set this key of a settled server; line 0: none does."""
        return self._place_of(key, self._servers[name])[1:]

    def suite_at(self, key: str) -> tuple[str, int]:
        """Return the file and line that set this key of the suite; line 0: none does."""
        _, path, line = self._monitor.get(key) or ("", self.monitor_path, 0)
        return path, line

    def sorted_out(self, words: list[str]) -> tuple[list[Values], list[str]]:
        """Return the values of all good servers, of words and of conf; and the names of the faulty ones."""
        settled = self.servers(["all", *words], False)
        paths = {path for path, _, _ in self.faults}
        is_good = {values["name"]: not paths & {self.monitor_path, self._file_of(values["name"])} for values in settled}
        faulty = [name for name, good in is_good.items() if not good]
        return [values for values in settled if is_good[values["name"]]], faulty

    def directories(self, asked: list[Values]) -> list[str]:
        """Return the real directories of all servers of conf but those asked for, as far as their files can be read.

        What runs there is theirs. What is wrong with their files is no fault of what was asked for.
        """
        faults = set(self.faults)
        files = {self._file_of(values["name"]) for values in asked}
        others = [name for name in self._known if self._path(name) not in files or self._listed(name)]
        found = {places.real(directory) for name in others for directory in self._directories_of(name)}
        if found:  # the walks to the directories of a thousand take a while
            found -= {places.real(values["dir"]) for values in asked}
        self.faults = faults
        return sorted(place for place in found if grammar.is_plain(place))

    def _directories_of(self, name: str) -> list[str]:
        """Return the directories of a server, or its instances, by its file alone: the rest of that is not read."""
        own = self._read(self._path(name)) or {}
        base, instance = split_instance(name)
        setting = own.get("dir") or self._monitor.get("dir") or ("", "", 0)
        text = own.get("port", ("", "", 0))[0]
        port = instance or text
        marks = [(text.replace(instances.INSTANCE, each) or each, each) for each in self._listed(name) or {}]
        marks = marks or [(port, instance or port)]
        return [self._place(instances.filled(setting, *each)[0], base) for each in marks]

    # Values.

    def _share(self) -> Values:
        """Return the values that all servers share: the defaults, overridden by monitor.conf."""
        values: Values = {"name": ""}
        for key, (default, parse, _) in keys.SERVER.items():
            _store(values, key, parse(default) if default else "")
        for key, setting in self._monitor.items():
            if key in keys.SERVER:
                # A value with {port} or {instance} is settled again for each server; here we only check it.
                target = dict(values) if instances.is_marked(setting[0]) else values
                self._put(target, key, instances.filled(setting, "1", "1"))
        return values

    def _put(self, values: Values, key: str, setting: Setting) -> None:
        """Parse a setting into values; a bad one is a fault and leaves the value unchanged."""
        text, path, line = setting
        parse = (keys.SERVER.get(key) or keys.SUITE[key])[1]
        try:
            _store(values, key, parse(text))
        except ValueError as error:
            hint = "; a comment needs a line of its own" if " #" in text else ""
            self._fault(path, line, f"{key}: {error}{hint}")

    # Servers.

    def _listed(self, base: str) -> dict[str, None] | None:
        """Return the instances that the file of this name sets, {} if it sets none; None after a fault."""
        if base not in self._instances:
            values: Values = {"instances": None}
            setting = (self._read(self._path(base)) or {}).get("instances")
            if setting and split_instance(base)[1]:
                self._fault(*setting[1:], f"instances: {base} is an instance itself; take it out")
            else:
                self._put(values, "instances", setting or ("none", "", 0))
            found = values["instances"]
            self._instances[base] = None if found is None else dict.fromkeys(found)
        return self._instances[base]

    def _instance(self, word: str) -> tuple[str, str, bool]:
        """Return the NAME and INSTANCE of a word, and whether the file of NAME lists its instances."""
        base, instance = split(word)
        if instance and self._listed(base):
            return base, instance, True
        return *split_instance(word), False

    def _meant(self, word: str) -> list[_Server]:
        """Settle the server, or all instances, of this name, or all with this @TAG; a fault leaves it out."""
        if is_tag(word):
            tagged = self._tags.names(word)
            if not tagged:
                hint = self._tags.nearest(word) or f"; set tags in {self._servers_dir}/NAME.conf"
                self._fault(word, 0, f"no server has this tag{hint}")
            return [server for name in tagged if (server := self._server(name))]
        listed = self._listed(word)
        words = [] if listed is None else [f"{word}@{each}" for each in listed] or [word]
        found = [server for each in words if (server := self._server(each))]
        clash = instances.shared_port([server.values for server in found]) if listed else ""
        if clash:
            self._fault(*self._place_of("port", found[0])[1:], f"port: {clash}")
        return found

    def _server(self, word: str) -> _Server | None:
        """Settle the server of this name, once; if conf does not have it, report a fault and return None."""
        if word in self._servers:
            return self._servers[word]
        base, instance, is_listed = self._instance(word)
        path = self._file_of(word)
        own = self._read(path)
        if own is None:
            self._fault(word, 0, f"not in conf{nearest(word, self._known) or ';'} add {path}")
            return None
        if is_listed and path != self._path(word) and instance not in (self._listed(base) or ()):
            _, path, line = own["instances"]
            named = [f"{base}@{each}" for each in self._listed(base) or ()]
            self._fault(path, line, f"instances: {word} is not among them{nearest(word, named) or '; add it here'}")
            return None
        values = self._settle(base, instance, is_listed, own)
        values["conf_file"] = path
        if instance and not is_listed and path == self._path(word):
            self._require_port(instance, own)
        name = values["name"]
        if self._file_of(name) != path:
            self._fault(self._path(name), 0, f"means {name}, and so does {path}; take one away")
        at = own.get("needs") or self._monitor.get("needs") or ("", path, 0)
        self._servers[word] = self._servers.setdefault(name, _Server(base, values, at))
        return self._servers[word]

    def _require_port(self, port: str, own: dict[str, Setting]) -> None:
        """An instance's own file may repeat the port of its name, but not set another."""
        text, path, line = own.get("port", (port, "", 0))
        if text != port:
            self._fault(path, line, f"port: {text} is not the {port} of its name; take it out, or rename the file")

    def _file_of(self, word: str) -> str:
        """Return the file of a server; an instance without a file of its own uses that of its NAME."""
        path = self._path(word)
        base, instance, _ = self._instance(word)
        return path if not instance or self._read(path) is not None else self._path(base)

    def _settle(self, base: str, instance: str, is_listed: bool, own: dict[str, Setting]) -> Values:
        """Return the values of one server: the shared ones, overridden by its own."""
        values = dict(self._shared)
        settings = {key: setting for key, setting in self._monitor.items() if instances.is_marked(setting[0])}
        settings.update(own)
        settings.pop("instances", None)
        values["instances"] = []
        by_port = any(instances.PORT in settings[key][0] for key in ("command", "match") if key in settings)
        port = str(self._port(values, settings, instance, is_listed, base))
        if port and by_port and not is_listed:
            instance = instance or port
        for key, setting in settings.items():
            if key in keys.SERVER and self._may_fill(key, setting, base, port, instance):
                self._put(values, key, instances.filled(setting, port, instance))
        values["name"] = f"{base}@{instance}" if instance else base
        values["instance_of"] = base if instance else ""
        if base in keys.IM_SERVERS and "needs_file" not in own and "needs_file" not in self._monitor:
            values["needs_file"] = ["*.conf"]
        if is_listed:
            self._keep_apart(values, own, instance)
        self._fill(values, base)
        self._judge_check(values, own)
        self._note_private(values, own)
        return values

    def _note_private(self, values: Values, own: dict[str, Setting]) -> None:
        """Settle which line names the private files, for the messages of a start; they are read only then."""
        for key in ("env_file", "secrets"):
            if values[key]:
                _, path, line = own.get(key) or self._monitor[key]
                values[f"{key}_at"] = f"{path}:{line}"
        named = [element.partition("=")[0] for element in values["environment"]]
        if values["secrets"] and private_values.DIRECTORY in named:
            _, path, line = own.get("environment") or self._monitor["environment"]
            self._fault(path, line, f"environment: {private_values.DIRECTORY} is set by secrets; take it out")

    def _judge_check(self, values: Values, own: dict[str, Setting]) -> None:
        """Report a fault, at the line that sets `check`, if the check lacks something that it needs."""
        words = check_values.objection(values, self._place_of_conf, self._root)
        if words:
            _, path, line = own.get("check") or self._monitor["check"]
            self._fault(path, line, f"check: {values['name']}: {words}")

    def _port(
        self, values: Values, settings: dict[str, Setting], instance: str, is_listed: bool, base: str
    ) -> int | str:
        """Settle the port, and take it out of settings: other values may use it.  "" if it has none."""
        setting = settings.pop("port", None) or ("", "", 0)
        if setting[1] and self._may_fill("port", setting, base, "", instance):
            self._put(values, "port", instances.filled(setting, "", instance))
        by_name = instances.is_port(instance, setting[0]) if is_listed else bool(instance)
        if by_name:
            values["port"] = int(instance)
        found: int | str = values["port"]
        return found

    def _keep_apart(self, values: Values, own: dict[str, Setting], instance: str) -> None:
        """Instances in one directory: each has an oldlog of its own, and the logs of another are not moved there."""
        said = [own.get(key) or self._monitor.get(key) for key in ("dir", "logs", "oldlog", "pid_from")]
        place, logs, oldlog, pid_from = said
        is_apart = bool(place and instances.is_marked(place[0]))
        if pid_from and instances.one_pidfile(pid_from[0], values["pid_from"], is_apart):
            self._fault(
                *pid_from[1:], f"pid_from: one file cannot name all instances; write {instances.INSTANCE} into it"
            )
        if is_apart:
            return
        if not oldlog:
            values["oldlog"] = f"oldlog@{instance}"
        if not logs:
            values["logs"] = []
        elif values["logs"] and not instances.is_marked(logs[0]):
            self._fault(*logs[1:], f"logs: would move the logs of all instances; write {instances.INSTANCE} into it")

    def _may_fill(self, key: str, setting: Setting, base: str, port: str, instance: str) -> bool:
        """May this setting be used?  Report a fault if it uses {port} or {instance} and the server has none."""
        text, path, line = setting
        words = instances.lacking(text, base, port, instance)
        if words:
            self._fault(path, line, f"{key}: {words}")
        return not words

    def _fill(self, values: Values, base: str) -> None:
        """Fill in the values that depend on others: dir, command, match, and the paths relative to dir."""
        given = values["dir"]
        place = values["dir"] = self._place(given, base)
        values["dir_from"] = "conf" if given else "here" if place == self._cwd else "beside"
        values["command"] = values["command"] or [f"./{base}"]
        values["match"] = values["match"] or [os.path.basename(values["command"][0])]
        values["check"] = check_values.settled(values["check"], place, self._place_of_conf, self._root)
        values["heartbeat"] = values["heartbeat"][:1] + [_absolute(path, place) for path in values["heartbeat"][1:]]
        if values["output"] not in (settled.KEPT, settled.OURS) and not isinstance(values["output"], list):
            values["output"] = _absolute(values["output"], place)
        values["env_file"] = [_absolute(path, place) for path in values["env_file"]]
        values["needs_elsewhere"] = [
            needs.FILE + _absolute(word[len(needs.FILE) :], place) if word.startswith(needs.FILE) else word
            for word in values["needs_elsewhere"]
        ]
        values["secrets"] = [[name, _absolute(path, place)] for name, path in values["secrets"]]
        if "/" in values["oldlog"]:
            values["oldlog"] = _absolute(values["oldlog"], place)
        values["pid_from"] = [
            ["pidfile", _absolute(source[1], place)] if source[0] == "pidfile" else source
            for source in values["pid_from"]
        ]

    def _place(self, place: str, base: str) -> str:
        """Return the directory that a server runs in; the default is cwd if its program is there."""
        if place:
            return _absolute(place, self._root)
        if self._there or os.path.isfile(
            os.path.join(self._cwd, base)
        ):  # the parent of the suite has a directory of this name
            return self._cwd
        return os.path.join(os.path.dirname(self._root), base)

    def _place_of(self, key: str, server: _Server) -> tuple[Values, str, int]:
        """Return the values of a server, and the file and line that set this key for it."""
        path = self._file_of(server.name)
        _, place, line = (self._read(path) or {}).get(key) or self._monitor.get(key) or ("", path, 0)
        return server.values, place, line

    # Needs and tags.

    def _settle_needs(self, asked: list[_Server]) -> None:
        """Replace `needs` by settled names, for these servers and all that they need; report circles."""
        meant: dict[str, list[str]] = {}  # a NAME without port means all of its instances among `asked`
        for server in asked:
            for word in {server.name, *([] if self._listed(server.base) else [server.base])}:
                meant.setdefault(word, []).append(server.name)
        edges = needs.edges(
            [server.name for server in asked],
            lambda name: list(self._servers[name].values["needs"]),
            lambda name, word: meant.get(word) or self._needed(self._servers[name], word),
        )
        for name, found in edges.items():
            self._servers[name].values["needs"] = found
        for circle in needs.circles(edges):
            path, line = self._servers[circle[0]].needs_at
            self._fault(path, line, f"needs: goes in a circle, {' -> '.join([*circle, circle[0]])}; take one out")

    def _needed(self, server: _Server, word: str) -> list[str]:
        """Return the servers that one word of needs means; if conf does not have it, report a fault and return []."""
        if not is_tag(word) and self._read(self._file_of(word)) is not None:
            return [each.name for each in self._meant(word)]
        names = self._tags.names(word)
        if not names:
            hint = self._tags.nearest(word) if is_tag(word) else nearest(word, self._known)
            words = f"no server has the tag {word}" if is_tag(word) else f'"{word}" is not in conf'
            self._fault(*server.needs_at, f"needs: {words}{hint or '; take it out'}")
        return [name for name in names if self._server(name)]


def _store(values: Values, key: str, value: object) -> None:
    if key in HALVES and isinstance(value, list):
        values.update(zip(HALVES[key], value))
    else:
        values[key] = value


def _absolute(path: str, start: str) -> str:
    return path if path.startswith("/") else os.path.normpath(os.path.join(start, path))
