"""Which host, port and target does a URL name?  http and https, as a check calls them.

    >>> url = parse("http://[::1]:8080/status?deep=1")
    >>> url.host, url.port, url.target
    ('::1', 8080, '/status?deep=1')

Source: RFC 3986.
"""

from __future__ import annotations

import _socket

PORTS = {"http": 80, "https": 443}


class Url:
    """host and port: where to connect; target: what to request there; text: the URL as the user wrote it."""

    __slots__ = ("authority", "host", "port", "scheme", "target", "text")

    def __init__(self, text: str, scheme: str, authority: str, target: str) -> None:
        self.text = text
        self.scheme = scheme
        self.authority = authority
        self.target = target
        self.host, self.port = _host_and_port(authority, PORTS[scheme])

    def needs_curl(self) -> bool:
        """Does it need curl, for TLS or to look up a host name?"""
        return self.scheme != "http" or not (self.host == "localhost" or family(self.host))


def parse(text: str) -> Url:
    """Parse a URL.  Raises ValueError, which says what is wrong with it."""
    scheme, _, rest = text.partition("#")[0].partition("://")
    ends = [rest.find(sign) for sign in "/?" if sign in rest]
    authority, target = (rest[: min(ends)], rest[min(ends) :]) if ends else (rest, "/")
    if "@" in authority:
        raise ValueError("a URL with a password is visible to all users; write a command that sends the password")
    if scheme in PORTS and authority and text.isascii() and text.isprintable() and " " not in text:
        try:
            return Url(text, scheme, authority, target if target[0] == "/" else f"/{target}")
        except ValueError:
            pass
    raise ValueError(f'"{text}" is no URL; write it like http://127.0.0.1:8080/path')


def family(host: str) -> int:
    """AF_INET or AF_INET6 for a numeric address; 0 for a name."""
    for each in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(each, host)
            return int(each)
        except OSError:
            pass
    return 0


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    host, bracket, behind = authority.rpartition("]")
    if bracket:
        host = host[1:]
        if authority[0] != "[" or family(host) != _socket.AF_INET6 or behind[:1] not in ("", ":"):
            raise ValueError
    else:
        host, _, behind = authority.partition(":")
        behind = behind and f":{behind}"
    port = behind[1:] or str(default)
    if not host or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise ValueError
    return host, int(port)
