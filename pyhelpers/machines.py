#!/usr/bin/env python3
"""Which machines does the fleet have, and how are they?

    $ python3 -E -s pyhelpers/machines.py ROOT CONF_DIR STATE_DIR CWD hosts
    im-1
    im-2
    $ python3 -E -s pyhelpers/machines.py ROOT CONF_DIR STATE_DIR CWD status [--json]
    HOST  UP  DOWN  FATAL   LAG  SINCE
    im-1  12     0      0  10ms  3d04h
    SINGLETON     HOST  TOKEN  LEASE  WANT
    route_server  im-1   8123    14s  -

    hosts           the machines that live, a line each
    hosts GROUP     those of a group: all, or the name of a singleton, which is the machine that has it
    groups          the groups: for ClusterShell, see conf/examples/fleet

Exit: 0 · 1 no member of etcd answers · 2 usage · 6 no fleet is configured.
"""

from __future__ import annotations

import sys
import time

from base import figures
from base.exits import FAILED, GOOD, USAGE, Refused
from fleet.view import View, opened
from operate.command_line import end
from operate.table import Column, lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.view import Row

ALL = "all"


def _text(row: Row, key: str) -> str:
    return "" if row[key] is None else str(row[key])


def _since(row: Row) -> str:
    known = row["since"] or ""
    return figures.age(max(0.0, time.time() - int(known))) if known.isdigit() else ""


def _lease(row: Row) -> str:
    return "" if row["lease_left"] is None else f"{row['lease_left']:.0f}s"


HOSTS = (
    Column("HOST", lambda row: _text(row, "host")),
    Column("UP", lambda row: _text(row, "up"), is_number=True),
    Column("DOWN", lambda row: _text(row, "down"), is_number=True),
    Column("FATAL", lambda row: _text(row, "fatal"), is_number=True),
    Column("LAG", lambda row: _text(row, "lag_ms") and f"{row['lag_ms']}ms", is_number=True),
    Column("SINCE", _since),
)
SINGLETONS = (
    Column("SINGLETON", lambda row: row["name"]),
    Column("HOST", lambda row: _text(row, "host")),
    Column("TOKEN", lambda row: str(row["token"]), is_number=True),
    Column("LEASE", _lease, is_number=True),
    Column("WANT", lambda row: _text(row, "want")),
)


def status(view: View, as_json: bool) -> int:
    """Print how the fleet is.  Raises Refused."""
    hosts, singletons, bad = view.hosts(), view.singletons(), view.bad()
    if as_json:
        import json

        print(json.dumps({"hosts": hosts, "singletons": singletons, "bad": bad}, ensure_ascii=False))
        return GOOD
    shown = lines(HOSTS, hosts, None)
    shown += lines(SINGLETONS, singletons, None) if singletons else []
    print("\n".join([*shown, *(f"{row['host']}: {row['name']} {row['state']}: {row['message']}" for row in bad)]))
    return GOOD


def hosts(view: View, group: str) -> int:
    """Print the machines of a group.  Raises Refused."""
    found = {row["name"]: row["host"] for row in view.singletons()} if group != ALL else {}
    if group not in (ALL, *found):
        raise Refused(FAILED, f"fleet hosts: no group {group}; see ./monitor.sh fleet groups")
    names = [row["host"] for row in view.hosts()] if group == ALL else [found[group] or ""]
    print("\n".join(filter(None, names)))
    return GOOD


def groups(view: View) -> int:
    """Print the groups.  Raises Refused."""
    print("\n".join([ALL, *(row["name"] for row in view.singletons())]))
    return GOOD


def answer(words: list[str], root: str, conf_dir: str, cwd: str) -> int:
    """Print what was asked for.  Raises Refused, settle.ConfError."""
    if words[:1] == ["hosts"] and len(words) < 3:
        return hosts(View(*opened(conf_dir, root, cwd)), words[1] if len(words) == 2 else ALL)
    if words == ["groups"]:
        return groups(View(*opened(conf_dir, root, cwd)))
    if words in (["status"], ["status", "--json"]):
        return status(View(*opened(conf_dir, root, cwd)), "--json" in words)
    raise Refused(USAGE, "fleet takes hosts [GROUP] or groups, and status --fleet only --json")


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    root, conf_dir, _, cwd, *words = argv
    return end(lambda: answer(words, root, conf_dir, cwd))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
