"""What did the user set? Reads conf/, checks all of it, and hands out settled values.

`conf/monitor.conf` holds the suite's own keys and defaults for every server, `conf/servers/NAME.conf` overrides them.
grammar.py reads a file, keys.py knows the keys and their values, confdir.py puts them together; here is what other
programs call. Every fault is found in one go, and one fault settles nothing.

    $ python3 -E -s pyhelpers/conf.py check
    conf/servers/x.conf:3: unknown key "restrat"; did you mean restart?

    $ python3 -E -s pyhelpers/conf.py settle msg_server
    -	interval	15000
    ...
    msg_server	dir	/opt/im/msg_server

`check` looks at all files; `settle` prints Settled.text() for NAME, NAME@PORT or `all`. Options, after the word:
--conf DIR (conf), --root DIR (of the suite: the one above this file), --cwd DIR (where the user stands: here).
Exit status: 0 good, 2 usage or a NAME that breaks the rule, 6 not configured, or badly.
"""

from __future__ import annotations

import os
import sys

import confdir
import grammar
from values import NAME_RULE, is_server_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from keys import Values

USAGE = 2
NOT_CONFIGURED = 6


class ConfError(Exception):
    """Conf cannot be used: `lines` for a person, and the exit `status`."""

    def __init__(self, lines: list[str], status: int = NOT_CONFIGURED) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.status = status


class Settled:
    """What holds: `suite` maps the suite's keys to values, each of `servers` the name and all keys of one server."""

    def __init__(self, suite: Values, servers: list[Values]) -> None:
        self.suite = suite
        self.servers = servers

    def text(self) -> str:
        """Return one value a line, `NAME TAB KEY TAB VALUE`, with `-` for the suite's NAME.

        Elements of a list stand between \\x1f, the words of one element between \\x1e; what is not set is empty.
        Paths may hold bytes that are not UTF-8: encode with surrogateescape.
        """
        lines = [f"-\t{key}\t{_settled(value)}\n" for key, value in self.suite.items()]
        for server in self.servers:
            name = server["name"]
            for key, value in server.items():
                lines.append(f"{name}\t{key}\t{_settled(value)}\n")
        return "".join(lines)


def _settled(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return "\x1f".join(["\x1e".join(each) if isinstance(each, list) else str(each) for each in value])


def settle(conf_dir: str, root: str, cwd: str, words: list[str], watched: bool = False) -> Settled:
    """Settle the servers that words name (NAME, NAME@PORT, `all`), each once, in that order; raises ConfError.

    watched: one monitor is to watch them; else they are only asked about, and a channel may lack its other end.

    conf_dir is printed as it is given. root (the suite's directory) and cwd are absolute: a relative `dir` or
    `state_dir` starts at root, other relative paths at `dir`. Only the files of these servers, of those that they
    need, and monitor.conf are read.
    """
    _require_plain(root, cwd)
    _require_names(words)
    conf = confdir.ConfDir(conf_dir, root, cwd)
    settled = Settled(conf.suite(), conf.servers(words, watched or "all" in words))
    if conf.faults:
        raise ConfError([grammar.show(fault) for fault in sorted(conf.faults)])
    return settled


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
    bad = [word for word in words if not is_server_name(word) and word != "all"]
    if bad:
        raise ConfError([f'"{word}": cannot name a server; {_rule_for(word)}' for word in bad], USAGE)


def _rule_for(word: str) -> str:
    return "options stand before the word, see -h" if word.startswith("-") else NAME_RULE


def _here() -> str:
    """Return the directory that the user stands in, or / where it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"


def main(words: list[str]) -> int:
    """Run one word of the command line; see the top of this file."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    options = {"--conf": "conf", "--root": root, "--cwd": _here()}
    rest = words[1:]
    while len(rest) > 1 and rest[0] in options:
        options[rest[0]], rest = rest[1], rest[2:]
    word = words[0] if words else ""
    # check takes no NAME, settle needs one
    if (word, bool(rest)) not in (("check", False), ("settle", True)) or (rest and rest[0].startswith("-")):
        print("usage: conf.py check|settle [--conf DIR] [--root DIR] [--cwd DIR] [NAME...|all]", file=sys.stderr)
        return USAGE
    try:
        root, cwd = os.path.abspath(options["--root"]), os.path.abspath(options["--cwd"])
        settled = settle(options["--conf"], root, cwd, rest or ["all"])
    except ConfError as error:
        print("\n".join(error.lines), file=sys.stderr)
        return error.status
    if word == "check":
        count = len(settled.servers)
        print(f"conf is good: {count} server{'s' if count != 1 else ''}")
    else:
        sys.stdout.buffer.write(settled.text().encode("utf-8", "surrogateescape"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
