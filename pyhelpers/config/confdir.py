"""What does this conf directory say about a server? monitor.conf overrides the defaults, servers/NAME.conf both.

NAME@PORT is an instance of NAME: it has that port, and its file is servers/NAME@PORT.conf, else servers/NAME.conf.
If the command or match of NAME uses `{port}`, NAME means the instance with the port that its file sets: `business` is
`business@11000`. `{port}` is replaced in every value of a server. `conf_file` is settled too, although it is no key:
messages name this file when they advise a change. Its path begins with CONF_DIR as the user gave it. So is `dir_from`,
who says where the server runs: `conf`; the current directory (`here`); or no one, and it is `beside` the suite.

config/settle.py imports it and has the command line.
"""

from __future__ import annotations

import os

from base import places
from base.tokens import nearest
from config import channel_pairs, check_values, grammar, keys, neighbours, settled, trust
from config.values import NAME_RULE, is_server_name, split_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.grammar import Fault, Setting
    from config.keys import Values

# Keys whose two numbers are stored as two values.
HALVES = {"backoff": ("backoff_first", "backoff_longest"), "give_up": ("give_up_count", "give_up_window")}


class _Server:
    """A settled server.  base: its name without the port; needs_at: file and line that set its `needs`."""

    __slots__ = ("base", "name", "needs_at", "values")

    def __init__(self, base: str, values: Values, needs: Setting) -> None:
        self.name: str = values["name"]
        self.base = base
        self.values = values
        self.needs_at = needs[1:]


class ConfDir:
    """One reading of a conf directory: the settings of its files, and in `faults` everything that is wrong."""

    def __init__(self, conf_dir: str, root: str, cwd: str, there: bool = False) -> None:
        """there: servers without `dir` are known to run in cwd."""
        self.faults: set[Fault] = set()
        self._root, self._cwd, self._there = root, cwd, there
        self._place_of_conf = _absolute(conf_dir, cwd)
        self.monitor_path = os.path.join(conf_dir, "monitor.conf")
        self._servers_dir = os.path.join(conf_dir, "servers")
        self._files: dict[str, dict[str, Setting] | None] = {}
        self._servers: dict[str, _Server] = {}
        self._known: list[str] = []
        self._monitor: dict[str, Setting] = {}
        self._usable = self._may_use(conf_dir, "name one with -c DIR") and self._may_use(self._servers_dir, "make it")
        if self._usable:
            self._known = self._list_servers()
            self._monitor = self._read(self.monitor_path) or {}
        self._shared = self._share()

    def suite(self) -> Values:
        """Return the values of the suite's own keys; `state_dir` is absolute, or "" if it is not set."""
        values: Values = {key: parse(default) for key, (default, parse) in keys.SUITE.items()}
        for key in keys.SUITE:
            if key in self._monitor:
                self._put(values, key, self._monitor[key])
        if values["deadman"]:
            self._require_secret("deadman")
        is_set = "state_dir" in self._monitor
        values["state_dir"] = _absolute(values["state_dir"], self._root) if is_set else ""
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
        asked = {server.name: server for server in map(self._server, names) if server}
        self._settle_needs(list(asked.values()))
        if watched:
            self.faults.update(channel_pairs.pair([self._place_of("channels", server) for server in asked.values()]))
            self.faults.update(
                channel_pairs.addresses([self._place_of("sockets", server) for server in asked.values()])
            )
        return [server.values for server in asked.values()]

    def has(self, name: str) -> bool:
        """Is there a file for a server of this name?"""
        return os.path.exists(self._file_of(name))

    def settings(self) -> list[tuple[str, Setting]]:
        """Return the keys and settings of all files that were read."""
        return [item for found in self._files.values() if found for item in found.items()]

    def set_at(self, name: str, key: str) -> tuple[str, int]:
        """Return the file and line that set this key of a settled server; line 0: none does."""
        return self._place_of(key, self._servers[name])[1:]

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
        others = [name for name in self._known if self._path(name) not in files]
        found = {places.real(self._directory_of(name)) for name in others}
        found -= {places.real(values["dir"]) for values in asked}
        self.faults = faults
        return sorted(place for place in found if grammar.is_plain(place))

    def _directory_of(self, name: str) -> str:
        """Return the directory of a server by its file alone: the rest of that is not looked at."""
        own = self._read(self._path(name)) or {}
        base, port = split_instance(name)
        port = port or own.get("port", ("", "", 0))[0]
        text, _, _ = _with_port(own.get("dir") or self._monitor.get("dir") or ("", "", 0), port)
        return self._place(text, base)

    # Files.

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

    # Values.

    def _share(self) -> Values:
        """Return the values that all servers share: the defaults, overridden by monitor.conf."""
        values: Values = {"name": ""}
        for key, (default, parse, _) in keys.SERVER.items():
            _store(values, key, parse(default) if default else "")
        for key, setting in self._monitor.items():
            if key in keys.SERVER:
                # A value with {port} is settled again for each server; here we only check it.
                target = dict(values) if "{port}" in setting[0] else values
                self._put(target, key, _with_port(setting, "1"))
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

    def _server(self, word: str) -> _Server | None:
        """Settle the server of this name, once; if conf does not have it, report a fault and return None."""
        if word in self._servers:
            return self._servers[word]
        base, port = split_instance(word)
        path = self._file_of(word)
        own = self._read(path)
        if own is None:
            self._fault(word, 0, f"not in conf{nearest(word, self._known) or ';'} add {path}")
            return None
        values = self._settle(base, port, own)
        values["conf_file"] = path
        if port and path == self._path(word):
            self._require_port(port, own)
        name = values["name"]
        if self._file_of(name) != path:
            self._fault(self._path(name), 0, f"means {name}, and so does {path}; take one away")
        needs = own.get("needs") or self._monitor.get("needs")
        self._servers[word] = self._servers.setdefault(name, _Server(base, values, needs or ("", path, 0)))
        return self._servers[word]

    def _require_port(self, port: str, own: dict[str, Setting]) -> None:
        """An instance's own file may repeat the port of its name, but not set another."""
        text, path, line = own.get("port", (port, "", 0))
        if text != port:
            self._fault(path, line, f"port: {text} is not the {port} of its name; take it out, or rename the file")

    def _file_of(self, word: str) -> str:
        """Return the file of a server; an instance without a file of its own uses that of its NAME."""
        path = self._path(word)
        base, port = split_instance(word)
        return path if not port or self._read(path) is not None else self._path(base)

    def _settle(self, base: str, port: str, own: dict[str, Setting]) -> Values:
        """Return the values of one server: the shared ones, overridden by its own."""
        values = dict(self._shared)
        settings = {key: setting for key, setting in self._monitor.items() if "{port}" in setting[0]}
        settings.update(own)
        if "port" in settings:
            self._put(values, "port", settings.pop("port"))
        is_instance = port or any("{port}" in settings[key][0] for key in ("command", "match") if key in settings)
        port = port or str(values["port"])
        values["port"] = int(port) if port else ""
        for key, setting in settings.items():
            if key in keys.SERVER and self._has_port(key, setting, base, port):
                self._put(values, key, _with_port(setting, port))
        values["name"] = f"{base}@{port}" if port and is_instance else base
        if base in keys.IM_SERVERS and "needs_file" not in own and "needs_file" not in self._monitor:
            values["needs_file"] = ["*.conf"]
        self._fill(values, base)
        self._judge_check(values, own)
        return values

    def _judge_check(self, values: Values, own: dict[str, Setting]) -> None:
        """Report a fault, at the line that sets `check`, if the check lacks something that it needs."""
        words = check_values.objection(values, self._place_of_conf, self._root)
        if words:
            _, path, line = own.get("check") or self._monitor["check"]
            self._fault(path, line, f"check: {values['name']}: {words}")

    def _has_port(self, key: str, setting: Setting, base: str, port: str) -> bool:
        """May this setting be used?  Report a fault if it uses {port} and the server has no port."""
        text, path, line = setting
        if port or "{port}" not in text:
            return True
        self._fault(path, line, f"{key}: uses {{port}}, but {base} has no port; set port here, or watch {base}@PORT")
        return False

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

    # Needs.

    def _settle_needs(self, asked: list[_Server]) -> None:
        """Replace `needs` by settled names, for these servers and all that they need; report circles."""
        waiting, edges = list(asked), {}
        meant: dict[str, list[_Server]] = {}  # a NAME without port means all of its instances among `asked`
        for server in asked:
            for word in {server.base, server.name}:
                meant.setdefault(word, []).append(server)
        while waiting:
            server = waiting.pop()
            if server.name not in edges:
                found = [
                    each for word in server.values["needs"] for each in meant.get(word) or self._needed(server, word)
                ]
                edges[server.name] = server.values["needs"] = [each.name for each in found]
                waiting += found
        for circle in _circles(edges):
            path, line = self._servers[circle[0]].needs_at
            self._fault(path, line, f"needs: goes in a circle, {' -> '.join([*circle, circle[0]])}; take one out")

    def _needed(self, server: _Server, word: str) -> list[_Server]:
        """Return the server that one word of needs means; if conf does not have it, report a fault and return []."""
        if self._read(self._file_of(word)) is None:
            path, line = server.needs_at
            hint = nearest(word, self._known) or "; take it out"
            self._fault(path, line, f'needs: "{word}" is not in conf{hint}')
            return []
        needed = self._server(word)
        return [needed] if needed else []


def _circles(edges: dict[str, list[str]]) -> list[list[str]]:
    """Return the circles of names that need each other; each begins with its alphabetically first name."""
    circles, left = [], dict(edges)
    while left:
        done = [name for name, needed in left.items() if not any(each in left for each in needed)]
        if not done:
            done = _circle(left)
            circles.append(done)
        for name in done:
            del left[name]
    return circles


def _circle(edges: dict[str, list[str]]) -> list[str]:
    """Follow the first need of each name until a name appears again; every name here has one."""
    trail: list[str] = []
    name = min(edges)
    while name not in trail:
        trail.append(name)
        name = next(each for each in edges[name] if each in edges)
    circle = trail[trail.index(name) :]
    first = circle.index(min(circle))
    return circle[first:] + circle[:first]


def _store(values: Values, key: str, value: object) -> None:
    if key in HALVES and isinstance(value, list):
        values.update(zip(HALVES[key], value))
    else:
        values[key] = value


def _with_port(setting: Setting, port: str) -> Setting:
    text, path, line = setting
    return text.replace("{port}", port), path, line


def _absolute(path: str, start: str) -> str:
    return path if path.startswith("/") else os.path.normpath(os.path.join(start, path))
