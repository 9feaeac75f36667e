"""What is wrong with a fleet, as it is now?  For `check`, which warns of it.

Nothing here is an error of conf: etcd, another machine or a clock is not as a singleton needs it.
"""

from __future__ import annotations

from base.exits import Refused
from config import fleet_conf, fleet_values
from fleet import etcd, grants, members, turn
from fleet.clock_rate import clock_rate
from fleet.names import Names, said
from fleet.view import View
from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.confdir import ConfDir
    from config.grammar import Fault
    from config.keys import Values
    from fleet.etcd import Etcd, Login
    from fleet.members import Member

SECONDS = 2.0  # for each answer
MOST_OFF = 0.02  # of the rate of a clock: two of them may differ by 5 %
ROLES = "conf/examples/fleet/roles"
OLD = ("3.0.", "3.1.", "3.2.", "3.3.", "3.4.")  # later ones vote before they stand for election, by default


def warnings(conf: ConfDir, suite: Values, servers: list[Values], conf_dir: str, state_dir: str) -> Iterator[Fault]:
    """All of it, with file and line."""
    values, _ = fleet_conf.read(conf_dir)
    scheme, fleet, *endpoints = suite["fleet"]
    login, names = etcd.Login(**values), Names(fleet)
    at = conf.suite_at("fleet")
    for text in _of_clock():
        yield (*at, f"fleet: {text}")
    found = members.look_at_all(scheme, endpoints, login, SECONDS)
    for each in found:
        for text in [str(each)] if isinstance(each, etcd.NoAnswer) else _of_member(each):
            yield (*at, f"fleet: {text}")
    alive = [each.endpoint for each in found if isinstance(each, members.Member)]
    if not alive:
        return
    client = etcd.Etcd(scheme, alive, login)
    try:
        yield from _of_hosts(conf, suite, client, names, state_dir)
        yield from _of_rights(conf, servers, client, names, login, conf_dir)
    except Refused as refusal:
        yield (*at, f"fleet: {refusal}")
    except (etcd.NoAnswer, etcd.Refused) as error:
        yield (*at, f"fleet: etcd refuses: {error}")


def _of_clock() -> Iterator[str]:
    off = clock_rate() - 1
    if abs(off) > MOST_OFF:
        how = "fast" if off > 0 else "slow"
        yield (
            f"the clock of this machine runs {abs(off):.1%} too {how}, and two that differ by 5% let a singleton run "
            "twice; step the clock, or set maxslewrate 500 in chrony.conf"
        )


def _of_member(member: Member) -> Iterator[str]:
    here = member.endpoint
    if member.words and member.compacted is not None and member.compacted < 1:
        if member.flag("auto-compaction-retention") in ("", "0"):
            yield f"etcd at {here} has never dropped old history; start it with --auto-compaction-retention=5m"
    if member.words and member.version.startswith(OLD) and member.flag("pre-vote") in ("", "false"):
        yield f"etcd at {here} loses its leader when a member comes back from a cut; start it with --pre-vote"
    if member.size and member.quota and member.quota > 0 and member.size * 2 > member.quota:
        percent = member.size * 100 // member.quota
        yield (
            f"the file of etcd at {here} has {percent}% of its quota, and at 100% no singleton runs; compact and "
            "defragment it (etcdctl), or raise --quota-backend-bytes"
        )


def _of_hosts(conf: ConfDir, suite: Values, client: Etcd, names: Names, state_dir: str) -> Iterator[Fault]:
    """The machines that live: is one of them called as we are, has one another lease?"""
    host, boot = fleet_values.here(suite), record.boot_id()
    nonce = turn.nonce_of(state_dir, boot)
    for entry in View(client, names, suite).entries(names.host("")):
        other, known = entry.key[len(names.host("")) :], said(entry.value)
        lease = known.get("lease_ms", "")
        is_other = known.get("boot") != boot or (nonce and known.get("nonce") not in (None, nonce))
        if other == host and is_other:
            yield (*conf.suite_at("host"), f"host: another machine calls itself {host}, too; set host on one of them")
        elif lease.isdigit() and int(lease) != suite["fleet_lease"] and "/" not in other:
            text = f"fleet_lease: {other} has {int(lease) / 1000:g}s, and here it is {suite['fleet_lease'] / 1000:g}s"
            yield (*conf.suite_at("fleet_lease"), f"{text}; set the same on all machines")


def _of_rights(
    conf: ConfDir, servers: list[Values], client: Etcd, names: Names, login: Login, conf_dir: str
) -> Iterator[Fault]:
    """What etcd lets us do: not more than we need, nor less."""
    if not login.user:
        if not login.cert:
            text = f"fleet: etcd asks no one who they are: all that reach it may stop what runs; see {ROLES}"
            yield (*conf.suite_at("fleet"), text)
        return
    granted = grants.asked(client, login.user, SECONDS)
    for text in granted.beyond(names):
        yield fleet_conf.path_in(conf_dir), 0, f"user {login.user} may {text}, which no monitor needs; see {ROLES}"
    for server in servers:
        key = names.one(server["name"])
        if server["singleton"] and granted.lacks(key):
            text = f"singleton: user {login.user} of etcd may not write {key}; run {ROLES} again, with this name"
            yield (*conf.set_at(server["name"], "singleton"), text)
