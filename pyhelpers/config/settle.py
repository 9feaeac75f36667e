"""What did the user set? Reads conf/, checks all of it, and returns settled values.

`conf/monitor.conf` holds the suite's own keys and defaults for every server, `conf/servers/NAME.conf` overrides them.
grammar.py reads a file, keys.py has the keys and their parsers, confdir.py puts the files together. Other programs
call this file. It finds all faults in one run; with a fault it settles nothing.

    $ cd pyhelpers; python3 -m config.settle check
    conf/servers/x.conf:3: unknown key "restrat"; did you mean restart?

    $ cd pyhelpers; python3 -m config.settle settle msg_server
    -	interval	15000
    ...
    msg_server	dir	/opt/im/msg_server

`check` reads all files; `settle` prints Settled.text() for NAME, NAME@PORT or `all`. Options, after the word:
--conf DIR (default: conf), --root DIR (the suite's directory), --cwd DIR (the user's current directory).
Exit status: 0 good, 2 usage or an invalid NAME, 6 not configured, or faults in conf.
"""

from __future__ import annotations

import os
import sys

from base.exits import NOT_CONFIGURED, USAGE
from base.suite import ROOT
from config import confdir, grammar, settled
from config.values import NAME_RULE, is_server_name, is_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.keys import Values


class ConfError(Exception):
    """Conf cannot be used.  `lines`: the faults, for a person; `status`: the exit status."""

    def __init__(self, lines: list[str], status: int = NOT_CONFIGURED) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.status = status


class Settled:
    """Settled conf.  `suite` maps the suite's keys to values; each of `servers` the name and all keys of one server.

    conf: the reading that it is from, if a caller wants to know which line says what.
    """

    def __init__(self, suite: Values, servers: list[Values], conf: confdir.ConfDir | None = None) -> None:
        self.suite = suite
        self.servers = servers
        self.conf = conf

    def text(self) -> str:
        """Return all values as the lines of config/settled.py.  Encode them with surrogateescape."""
        found = list(settled.lines(settled.SUITE, self.suite))
        for server in self.servers:
            found += settled.lines(server["name"], server)
        return "".join(found)

    def groups(self) -> list[tuple[str, settled.Settings]]:
        """The same values as config/settled.py reads them for the watcher."""
        suite = (settled.SUITE, settled.settings_of(self.suite))
        return [suite, *((server["name"], settled.settings_of(server)) for server in self.servers)]


def settle(conf_dir: str, root: str, cwd: str, words: list[str], watched: bool = False, there: bool = False) -> Settled:
    """Settle the servers that words name (NAME, NAME@N, @TAG, `all`), each once, in that order; raises ConfError.

    watched: one monitor is to watch them; otherwise the other end of a channel may be missing.  there: those without
    `dir` are known to run in cwd.

    Messages print conf_dir as given. root (the suite's directory) and cwd are absolute: a relative `dir` or
    `state_dir` starts at root, other relative paths at `dir`. Only monitor.conf and the files of these servers
    and of those that they need must be in order; of all others it reads `dir`, for the suite's `directories`.
    """
    _require_plain(root, cwd)
    _require_names(words)
    conf = confdir.ConfDir(conf_dir, root, cwd, there)
    found = Settled(conf.suite(), conf.servers(words, watched or "all" in words), conf)
    found.suite["directories"] = conf.directories(found.servers)
    if found.suite["fleet"] or any(server["singleton"] for server in found.servers):
        from config import fleet_checks

        conf.faults.update(fleet_checks.faults(conf, conf_dir, found.suite, found.servers))
    if conf.faults:
        raise ConfError([grammar.show(fault) for fault in sorted(conf.faults)])
    return found


def check(conf_dir: str, root: str, cwd: str) -> list[str]:
    """Return every fault of every file as a line, sorted by file and line; see settle."""
    try:
        settle(conf_dir, root, cwd, ["all"])
    except ConfError as error:
        return error.lines
    return []


def _require_plain(*directories: str) -> None:
    for directory in directories:
        if not grammar.is_plain(directory):
            raise ConfError([f"{ascii(directory)}: the name holds a control character; rename it"])


def _require_names(words: list[str]) -> None:
    bad = [word for word in words if not is_server_name(word) and word != "all" and not is_tag(word)]
    if bad:
        raise ConfError([f'"{word}": cannot name a server; {_rule_for(word)}' for word in bad], USAGE)


def _rule_for(word: str) -> str:
    return "options stand before the word, see -h" if word.startswith("-") else NAME_RULE


def _here() -> str:
    """Return the user's current directory, or / if it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"


def main(words: list[str]) -> int:
    """Run `check` or `settle`; see the top of this file."""
    options = {"--conf": "conf", "--root": ROOT, "--cwd": _here()}
    rest = words[1:]
    while len(rest) > 1 and rest[0] in options:
        options[rest[0]], rest = rest[1], rest[2:]
    word = words[0] if words else ""
    # check takes no NAME, settle needs one
    if (word, bool(rest)) not in (("check", False), ("settle", True)) or (rest and rest[0].startswith("-")):
        print(
            "usage: python3 -m config.settle check|settle [--conf DIR] [--root DIR] [--cwd DIR] [NAME...|all]",
            file=sys.stderr,
        )
        return USAGE
    try:
        root, cwd = os.path.abspath(options["--root"]), os.path.abspath(options["--cwd"])
        found = settle(options["--conf"], root, cwd, rest or ["all"])
    except ConfError as error:
        print("\n".join(error.lines), file=sys.stderr)
        return error.status
    if word == "check":
        count = len(found.servers)
        print(f"conf is good: {count} server{'s' if count != 1 else ''}")
    else:
        sys.stdout.buffer.write(found.text().encode("utf-8", "surrogateescape"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
