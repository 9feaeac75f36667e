"""Settled conf as text: config/settle.py writes it, the programs that use it read it.  One writer, one reader.

    -           interval    15000
    msg_server  dir         /opt/im/msg_server

One value a line, `NAME TAB KEY TAB VALUE`; the suite's NAME is `-`.  \\x1f separates the elements of a list, \\x1e the
words of one element; a value that is not set is empty.  Paths may hold bytes that are not UTF-8: surrogateescape.
The shell gets the part that it needs as one line a server, see policy().
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    # settled values of one server, or of the suite, by key
    Settings = dict[str, str]

SUITE = "-"
OURS = "-"  # of `output`: the monitor's own standard output
LOGGER = "|"  # of `output`: the first element, if a program reads it
KEPT = "kept"  # the value of `output` by which the monitor keeps it, in a file of its own
_ELEMENTS = "\x1f"
_WORDS = "\x1e"


def lines(name: str, values: dict[str, Any]) -> Iterator[str]:
    """The settled lines of one server (or SUITE): values as config/keys.py parses them."""
    return (f"{name}\t{key}\t{text}\n" for key, text in settings_of(values).items())


def _text(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return _ELEMENTS.join([joined(each) if isinstance(each, list) else str(each) for each in value])


def settings_of(values: dict[str, Any]) -> Settings:
    """Convert values as config/keys.py parses them into settings as groups() reads them."""
    return {key: value if type(value) is str else _text(value) for key, value in values.items()}


def groups(source: Iterable[str]) -> Iterator[tuple[str, Settings]]:
    """Name and settings of the suite and of each server, from settled lines.

    Yields one server at a time: a thousand at once would enlarge the heap permanently.
    """
    current = ""
    settings: Settings = {}
    for line in source:
        name, key, value = line.rstrip("\n").split("\t", 2)
        if name != current:
            if settings:
                yield current, settings
            current, settings = name, {}
        settings[key] = value
    if settings:
        yield current, settings


def read(path: str) -> Iterator[tuple[str, Settings]]:
    """groups() of a file.  Raises OSError."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as source:
        yield from groups(source)


def elements(value: str) -> list[str]:
    """The elements of a settled list."""
    return value.split(_ELEMENTS) if value else []


def joined_list(value: Iterable[str]) -> str:
    """Join the elements of a list."""
    return _ELEMENTS.join(value)


def words(element: str) -> list[str]:
    """The words of one element."""
    return element.split(_WORDS)


def joined(element: Iterable[str]) -> str:
    """Join words into one element."""
    return _WORDS.join(element)


def policy(number: int, server: dict[str, Any]) -> str:
    """The line that gives the shell the policy of a server, see server_new in lib/server.sh.

    server: the typed values of config/settle.py.
    """
    fields = [
        server["name"],
        server["restart"],
        _listed(server["exit_codes"]),
        server["backoff_first"],
        server["backoff_longest"],
        server["give_up_count"],
        server["give_up_window"] // 1000,
        _listed(server["alert"]),
        _listed(server["alert_on"]),
        _listed(server["needs"]),
        server["start"],
    ]
    return f"server {number} {' '.join(str(field) for field in fields)}"


def place(number: int, server: dict[str, Any]) -> list[str]:
    """The lines that give the shell the directory of a server, if it is not the first of its name, and its lock."""
    is_first = server["kept_in"] == server["name"]
    lines = [] if is_first else [f"place {number} {server['dir']}"]
    return [*lines, f"singleton {number}"] if server["singleton"] else lines


def _listed(value: list[Any]) -> str:
    return ",".join(str(element) for element in value) or "-"
