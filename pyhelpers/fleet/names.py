"""The keys of a fleet in etcd, and what their values say.

/monitor/FLEET/one/NAME         {"host", "boot", "nonce"}, or {"free"}; its mod revision is the fencing token
/monitor/FLEET/one/NAME.want    a word of an operator: up, down, paused, or the host that shall run it
/monitor/FLEET/beats/HOST       NONCE RANDOM MS LEASE, five times a lease, by a host that has a singleton; MS: Unix, for
                                view; LEASE: for so many ms it counts
/monitor/FLEET/hosts/HOST       {"boot", "version", "since", "up", "down", "fatal", "lag_ms"}, while the host lives
"""

from __future__ import annotations

import json
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.etcd import Entry


class Names:
    """The keys of one fleet."""

    def __init__(self, fleet: str) -> None:
        self.root = f"/monitor/{fleet}/"

    def one(self, name: str) -> str:
        """Which host has this singleton."""
        return f"{self.root}one/{name}"

    def want(self, name: str) -> str:
        """What an operator wants of it."""
        return f"{self.root}one/{name}.want"

    def beats(self, host: str) -> str:
        """The last beat of a host."""
        return f"{self.root}beats/{host}"

    def host(self, host: str) -> str:
        """That the host lives, and how its servers are."""
        return f"{self.root}hosts/{host}"


class Holder:
    """Who has a singleton.  host: "" if none has it; token: the revision at which that was written, 0: never."""

    def __init__(self, entry: Entry | None) -> None:
        self.token = entry.mod if entry else 0
        known = said(entry.value) if entry else {}
        self.host = known.get("host", "")
        self.nonce = known.get("nonce", "")


class Beat:
    """What a beat says.  at: Unix seconds by the holder's clock, 0.0: unknown; lease: seconds for which it counts."""

    def __init__(self, value: str) -> None:
        words = value.split(" ")
        at, lease = words[2:4] if len(words) == 4 and all(word.isdigit() for word in words[2:4]) else ("0", "0")
        self.at = int(at) / 1000
        self.lease = int(lease) / 1000


def said(value: str) -> dict[str, str]:
    """The fields of a value; {} if it is none of ours."""
    try:
        found = json.loads(value)
    except ValueError:
        return {}
    return {str(key): str(each) for key, each in found.items()} if isinstance(found, dict) else {}


def beat(nonce: str, random: str, lease: float) -> str:
    """The value of a beat that counts for so many seconds."""
    return f"{nonce} {random} {time.time() * 1000:.0f} {lease * 1000:.0f}"


def holding(host: str, boot: str, nonce: str) -> str:
    """The value of a singleton that this host has."""
    return json.dumps({"host": host, "boot": boot, "nonce": nonce})


def free(host: str) -> str:
    """The value of a singleton that this host has given up."""
    return json.dumps({"free": host})
