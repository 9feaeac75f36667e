"""What must be there before a server starts: other servers, in order; or what is not ours.

    needs = db @cache tcp://127.0.0.1:5432 file:/run/x/ready unit:postgresql

config/confdir.py makes names of servers of the first two; they may not go in a circle.
"""

from __future__ import annotations

import os

from base import url
from base.tokens import split_list
from config.values import NAME_RULE, is_name, is_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEMD = "/run/systemd/system"  # sd_booted(3): it is there while systemd is the init
TCP, FILE, UNIT = "tcp://", "file:", "unit:"
ELSEWHERE = (TCP, FILE, UNIT)
_UNIT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@")  # systemd.unit(5)


def needs(text: str) -> list[list[str]]:
    """Parse the value of `needs`: names and @TAGs, and what is not ours.  Raises ValueError."""
    names, elsewhere = [], []
    for word in split_list(text):
        if word.startswith(ELSEWHERE):
            _require_sense(word)
            elsewhere.append(word)
        elif ":" in word:
            raise ValueError(f'"{word}" is nothing to wait for; write tcp://HOST:PORT, file:PATH or unit:NAME')
        elif not is_name(word) and not is_tag(word):
            raise ValueError(f'"{word}" cannot be a name; {NAME_RULE}')
        else:
            names.append(word)
    return [names, elsewhere]


def _require_sense(word: str) -> None:
    if word.startswith(TCP):
        address(word)
    elif word.startswith(FILE):
        if not word[len(FILE) :] or word.startswith(f"{FILE}//"):
            raise ValueError(f'"{word}" names no file; write it like file:/run/x')
    else:
        name = word[len(UNIT) :]
        if not name or name[0] == "-" or not _UNIT.issuperset(name):
            raise ValueError(f'"{word}" names no unit; write it like unit:postgresql')
        if not os.path.isdir(SYSTEMD):
            raise ValueError(f"{word}: systemd does not run here; write tcp://HOST:PORT or file:PATH")


def address(word: str) -> tuple[str, int]:
    """The host and the port of tcp://HOST:PORT.  Raises ValueError."""
    authority = word[len(TCP) :]
    try:
        found = url.parse(f"http://{authority}/")
    except ValueError:
        found = None
    if not found or set("/?#@") & set(authority) or not authority.endswith(f":{found.port}"):
        raise ValueError(f'"{word}" is no address; write it like tcp://127.0.0.1:5432 or tcp://[::1]:5432')
    return found.host, found.port


def edges(
    asked: list[str], words: Callable[[str], list[str]], find: Callable[[str, str], list[str]]
) -> dict[str, list[str]]:
    """What each of these servers, and of those that they need, needs.

    words: what its `needs` says; find: the servers that the second, a word of the first one's `needs`, means.
    """
    waiting, found = list(asked), dict[str, list[str]]()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = list(dict.fromkeys(each for word in words(name) for each in find(name, word)))
            waiting += found[name]
    return found


def circles(edges: dict[str, list[str]]) -> list[list[str]]:
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
