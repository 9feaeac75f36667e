"""Which two servers share a channel?  Exactly two must name it in their `channels`.

And which server has a listening socket?  Servers may share an address only if all set `reuseport`, or all
`shared`: then they have one socket.

config/confdir.py imports it, for the servers that one monitor is to watch.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.grammar import Fault
    from config.keys import Values

    # the values of a server, and the file and line that set its channels or sockets
    Place = tuple[Values, str, int]


def pair(places: Sequence[Place]) -> list[Fault]:
    """Replace each NAME in `channels` by [NAME, PEER], PEER being the other server; return the faults."""
    faults: list[Fault] = []
    named: dict[str, list[Place]] = {}
    for place in places:
        for name in place[0]["channels"]:
            named.setdefault(name, []).append(place)
    for name, ends in named.items():
        faults += _faults_of(name, ends)
    for values, path, line in places:
        taken = {words[0] for words in values["sockets"]}
        clashes = [name for name in values["channels"] if name in taken]
        faults += [(path, line, f'channels: "{name}" is also the name of a socket; rename one') for name in clashes]
    if not faults:
        for values, _, _ in places:
            values["channels"] = [[name, _peer(values, named[name])] for name in values["channels"]]
    return faults


def _faults_of(name: str, ends: Sequence[Place]) -> list[Fault]:
    servers = [values["name"] for values, _, _ in ends]
    values, path, line = ends[-1]
    if len(ends) == 1:
        text = f'"{name}" has one end only; name it in a second server, and watch both with one monitor'
        return [(path, line, f"channels: {text}")]
    if len(ends) > 2:
        return [(path, line, f'channels: "{name}" is named by {", ".join(servers)}; a channel has two ends')]
    kinds = [values["channel_type"] for values, _, _ in ends]
    if kinds[0] != kinds[1]:
        text = f'"{name}" is {kinds[0]} for {servers[0]} and {kinds[1]} for {servers[1]}; set one channel_type for both'
        return [(path, line, f"channels: {text}")]
    return []


def _peer(values: Values, ends: Sequence[Place]) -> str:
    return str(next(other["name"] for other, _, _ in ends if other is not values))


def addresses(places: Sequence[Place]) -> list[Fault]:
    """The faults of `sockets` across all these servers: addresses that several name and may not share."""
    takers: dict[str, list[tuple[Place, str]]] = {}
    for place in places:
        for _, kind, address, port, _, option in place[0]["sockets"]:
            where = f"[{address}]" if port and ":" in address else address
            takers.setdefault(f"{kind}://{where}{port and f':{port}'}", []).append((place, option))
    faults: list[Fault] = []
    for address, found in takers.items():
        if len(found) > 1 and {option for _, option in found} not in ({"reuseport"}, {"shared"}):
            names = ", ".join(values["name"] for (values, _, _), _ in found)
            _, path, line = found[-1][0]
            faults.append((path, line, f"sockets: {address} is named by {names}; give each an address of its own"))
    return faults
