"""What may the values of `fleet` and `host` say?

fleet = etcd://im-1:2379,im-2:2379,im-3:2379/prod     http; https:// with TLS, see config/fleet_conf.py
host = im-1                                           by default the name of this machine (uname -n)
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.keys import Values

PORT = "2379"  # of etcd
SCHEMES = {"etcd": "http", "http": "http", "https": "https"}
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_LIKE = "write none, or like etcd://im-1:2379,im-2:2379,im-3:2379/prod"


def is_word(text: str) -> bool:
    """May text name a fleet, or a machine of it?  It becomes a part of keys in etcd."""
    return 0 < len(text) <= 200 and _LETTERS.issuperset(text)


def fleet(text: str) -> list[str]:
    """Return `http` or `https`, the name of the fleet, and each endpoint as HOST:PORT."""
    scheme, mark, rest = text.partition("://")
    hosts, slash, name = rest.rpartition("/")
    if scheme not in SCHEMES or not mark or not slash:
        raise ValueError(f'"{text}" is no address of a fleet; {_LIKE}')
    if not is_word(name):
        raise ValueError(f'"{name}" cannot name a fleet; use letters, digits and _ . -, {_LIKE}')
    return [SCHEMES[scheme], name, *map(_endpoint, hosts.split(","))]


def _endpoint(text: str) -> str:
    host, colon, port = text.strip().rpartition(":")
    if not colon or "]" in port:  # no port, or the colons of an IPv6 address
        host, port = text.strip(), PORT
    if not host.strip("[]") or not port.isdigit() or not port.isascii() or not 0 < int(port) < 65536:
        raise ValueError(f'"{text}" is not HOST:PORT; {_LIKE}')
    return f"{host}:{port}"


def host_and_port(endpoint: str) -> tuple[str, int]:
    """The two halves of a settled endpoint; an IPv6 address without its brackets."""
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(endpoint: str) -> bool:
    """Does this endpoint name the machine itself?"""
    host = host_and_port(endpoint)[0]
    return host in ("localhost", "::1") or host.startswith("127.")


def host(text: str) -> str:
    """Return the name of a machine."""
    if not is_word(text):
        raise ValueError(f'"{text}" cannot name a machine; use letters, digits and _ . -')
    return text


def here(suite: Values) -> str:
    """The name of this machine in its fleet.  suite: typed or settled values, or {}."""
    return str(suite.get("host") or os.uname().nodename)
