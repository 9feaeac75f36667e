"""What may `sockets` and `channels` say?  The parsers of the descriptors that the watcher holds for a server.

    sockets = tcp://127.0.0.1:8080 admin=tcp://[::1]:8081?backlog=64&reuseport unix:///run/x.sock?mode=666
    sockets = tcp://0.0.0.0:80?shared

An address is numeric: a name lookup could block, and a socket has exactly one address.  The default NAME is the port,
or the last part of the path.  A settled socket is six words: NAME, tcp or unix, ADDR or PATH, PORT (unix: empty),
BACKLOG, and the option: `reuseport`, `shared` or empty for tcp, the octal mode for unix.
"""

from __future__ import annotations

import os

from base.tokens import nearest, split_list
from config.values import is_name, whole

DAEMON = "daemon"  # the name of the socket between a server and its watcher
_BACKLOG = "4096"  # the kernel limits it to net.core.somaxconn
_MODE = "660"
_LONGEST_PATH = 107  # bytes; unix(7)
_FORM = "write [NAME=]tcp://ADDR:PORT or [NAME=]unix:///PATH"


def sockets(text: str) -> list[list[str]]:
    """Return the sockets, each as the six words above."""
    found = [_socket(word) for word in split_list(text)]
    _require_different([words[0] for words in found])
    return found


def channels(text: str) -> list[str]:
    """Return the names of channels."""
    words = split_list(text)
    for word in words:
        _require_name(word)
    _require_different(words)
    return words


def _socket(text: str) -> list[str]:
    head, _, rest = text.partition("://")
    name, equals, kind = head.rpartition("=")
    address, _, options = rest.partition("?")
    if kind not in ("tcp", "unix") or (equals and not name):
        raise ValueError(f'"{text}" is no socket; {_FORM}{nearest(kind, ("tcp", "unix"))}')
    words = _tcp(address, options) if kind == "tcp" else _unix(address, options)
    name = name or words[1] or os.path.basename(words[0])
    _require_name(name)
    return [name, kind, *words]


def _tcp(text: str, options: str) -> list[str]:
    import socket

    address, _, port = text.rpartition(":")
    bare = address[1:-1] if address[:1] == "[" and address[-1:] == "]" else ""
    try:
        socket.inet_pton(socket.AF_INET6 if bare else socket.AF_INET, bare or address)
    except OSError:
        raise ValueError(f'"{address}" is not a numeric address; write one like 127.0.0.1, 0.0.0.0 or [::]') from None
    whole(1, 65535)(port)
    backlog, option = _options(options, "reuseport", "shared")
    return [bare or address, port, backlog, option]


def _unix(path: str, options: str) -> list[str]:
    if not path.startswith("/") or path.endswith("/"):
        raise ValueError(f'"unix://{path}" names no absolute path; write unix:///PATH')
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ValueError(f'"{path}" is longer than the {_LONGEST_PATH} bytes of a unix socket; take a shorter one')
    backlog, mode = _options(options, "mode")
    return [path, "", backlog, mode or _MODE]


def _options(text: str, *own: str) -> tuple[str, str]:
    """Return the backlog and the option of `own`, which only this kind of socket has: its value, or its name."""
    backlog, found = _BACKLOG, ""
    for option in text.split("&") if text else []:
        key, equals, value = option.partition("=")
        if key == "backlog":
            backlog = str(whole(1, 65535)(value))
        elif key == "mode" and key in own and value and set("01234567").issuperset(value) and len(value) < 5:
            found = value
        elif option != "mode" and option in own:
            found = option
        else:
            known = "backlog=N and mode=OCTAL" if "mode" in own else "backlog=N, reuseport and shared"
            raise ValueError(f'"{option}" is no option of such a socket; there are {known}, with & between them')
    return backlog, found


def _require_name(name: str) -> None:
    if not is_name(name) or name == DAEMON:
        raise ValueError(f'"{name}" cannot name a descriptor; use letters, digits and _ . @ - only, and not "{DAEMON}"')


def _require_different(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'"{name}" is there twice; give each a NAME of its own')
