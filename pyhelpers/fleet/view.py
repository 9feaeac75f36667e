"""How is the fleet?  Which machines live, who has which singleton, and what is not as wanted.

    >>> View(*opened("conf", ROOT, "/")).hosts()
    [{'host': 'im-1', 'alive': True, 'since': '1795761772', 'version': '0.2.0', 'up': 12, 'down': 0, 'fatal': 0, ...}]

An operator's command asks it; nothing is decided by it.
"""

from __future__ import annotations

import os
import time

from base.exits import FAILED, NO_PERMISSION, NOT_CONFIGURED, Refused
from config import confdir, fleet_conf, settle
from fleet import etcd
from fleet.names import Beat, Holder, Names, said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from config.keys import Values
    from fleet.etcd import Entry, Etcd

    Row = dict[str, Any]

SECONDS = 5.0  # for an answer
OWN_LOGIN = "MONITOR_FLEET"  # names an operator's own file, in the place of CONF_DIR/fleet.conf
PAGE = 500  # entries: an answer of more than 4 MiB fails
COUNTS = ("up", "down", "fatal", "lag_ms")


def opened(conf_dir: str, root: str, cwd: str) -> tuple[Etcd, Names, Values]:
    """A client, the keys, and the suite's values.  Raises Refused, settle.ConfError."""
    suite = confdir.ConfDir(conf_dir, root, cwd).suite()
    if not suite["fleet"]:
        raise Refused(NOT_CONFIGURED, f"this machine belongs to no fleet; set fleet in {conf_dir}/monitor.conf")
    own = os.environ.get(OWN_LOGIN, "")
    path = own or fleet_conf.path_in(conf_dir)
    if not os.access(path, os.R_OK) and (own or os.path.exists(path)):
        raise Refused(NO_PERMISSION, f"{path}: cannot be read; name a file of yours in {OWN_LOGIN}")
    values, faults = fleet_conf.read(conf_dir, own)
    if faults:
        raise settle.ConfError([f"{path}: {text}" for path, _, text in faults])
    scheme, name, *endpoints = suite["fleet"]
    return etcd.Etcd(scheme, endpoints, etcd.Login(**values)), Names(name), suite


class View:
    """What etcd has of a fleet.  Each call raises Refused if no member answers."""

    def __init__(self, client: Etcd, names: Names, suite: Values) -> None:
        self._etcd = client
        self._names = names
        self._members = len(suite["fleet"]) - 2

    def entries(self, prefix: str) -> Iterator[Entry]:
        """All entries whose keys begin with it, page by page."""
        after = ""
        while True:
            found = self._range(prefix, after).found
            yield from found
            if len(found) < PAGE:
                return
            after = found[-1].key

    def _range(self, prefix: str, after: str) -> etcd.Answer:
        why = ""
        for _ in range(self._members + 1):
            try:
                return self._etcd.range(prefix, SECONDS, PAGE, after)
            except etcd.NoAnswer as error:
                why = str(error)
            except etcd.Refused as error:
                raise Refused(FAILED, f"etcd refuses: {error}") from None
        raise Refused(FAILED, f"no member of etcd answers: {why}")

    def hosts(self) -> list[Row]:
        """The machines that live."""
        prefix = self._names.host("")
        return [
            _host(entry, entry.key[len(prefix) :])
            for entry in self.entries(prefix)
            if "/" not in entry.key[len(prefix) :]
        ]

    def bad(self) -> list[Row]:
        """The servers that are not as wanted."""
        prefix = self._names.host("")
        found = ((entry, entry.key[len(prefix) :].split("/")) for entry in self.entries(prefix))
        return [{"host": path[0], "name": path[2], **said(entry.value)} for entry, path in found if len(path) == 3]

    def singletons(self) -> list[Row]:
        """Who has which one."""
        prefix = self._names.one("")
        found = {entry.key[len(prefix) :]: entry for entry in self.entries(prefix)}
        wants = {name: found.pop(f"{name}.want", None) for name in list(found) if not name.endswith(".want")}
        prefix = self._names.beats("")
        beats = {entry.key[len(prefix) :]: entry.value for entry in self.entries(prefix)} if wants else {}
        return [_singleton(name, found[name], want, _lease_left(beats, found[name])) for name, want in wants.items()]


def _lease_left(beats: dict[str, str], one: Entry) -> float | None:
    """Seconds until its holder loses it, unless it beats: by our wall clock and by that of the holder, roughly."""
    last = Beat(beats.get(Holder(one).host, ""))
    return round(min(max(0.0, last.at + last.lease - time.time()), last.lease), 1) if last.at else None


def _host(entry: Entry, name: str) -> Row:
    known = said(entry.value)
    counts = {key: int(known[key]) if known.get(key, "").isdigit() else None for key in COUNTS}
    return {"host": name, "alive": True, "since": known.get("since"), "version": known.get("version"), **counts}


def _singleton(name: str, entry: Entry, want: Entry | None, lease_left: float | None) -> Row:
    holder = Holder(entry)
    return {
        "name": name,
        "host": holder.host or None,
        "token": holder.token,
        "lease_left": lease_left,
        "want": want.value if want else None,
    }
