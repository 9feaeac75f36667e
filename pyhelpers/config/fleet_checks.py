"""Do `fleet`, its lease and its singletons fit together?  Only a conf that sets one of them loads this."""

from __future__ import annotations

from config import fleet_conf, fleet_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from config.confdir import ConfDir
    from config.grammar import Fault
    from config.keys import Values

ENDINGS = (".want",)  # one/NAME.want is another key of etcd


def margin_ms(lease_ms: int) -> int:
    """So long before the end of a lease everything must have ended: the rates of two clocks may differ by 5 %."""
    return 100 + lease_ms // 20


def stop_ms(steps: Sequence[str], command: Sequence[str] = ()) -> int:
    """How long a stop takes at most: its waits, and the time of the command that begins it."""
    return sum(int(step) for step in [*steps, *command[-1:]] if str(step).isdigit())


def faults(conf: ConfDir, conf_dir: str, suite: Values, servers: list[Values]) -> Iterator[Fault]:
    """Everything that keeps these singletons from running as promised."""
    singletons = [server for server in servers if server["singleton"]]
    for server in singletons:
        path, line = conf.set_at(server["name"], "singleton")
        if not suite["fleet"]:
            yield path, line, "singleton: needs a fleet; set fleet in monitor.conf"
        if server["name"].endswith(ENDINGS):
            yield path, line, f"singleton: a name that ends in {ENDINGS[0]} is a key of etcd already; rename it"
    if not suite["fleet"]:
        return
    if not fleet_values.is_word(fleet_values.here(suite)):
        yield conf.monitor_path, 0, f'host: "{fleet_values.here(suite)}" cannot name a machine; set host'
    yield from _short(conf, suite, singletons)
    values, found = fleet_conf.read(conf_dir)
    yield from found
    scheme, _, *endpoints = suite["fleet"]
    if values["password"] and scheme == "http" and not all(map(fleet_values.is_loopback, endpoints)):
        at = conf.suite_at("fleet")
        yield *at, "fleet: the password would go over the network as it is; write https://"


def _short(conf: ConfDir, suite: Values, singletons: list[Values]) -> Iterator[Fault]:
    """Within a lease, a stop must fit in, and several beats before it."""
    lease = suite["fleet_lease"]
    for server in singletons:
        stop = stop_ms(server["stop"], server["stop_command"])
        needed = next(ms for ms in range(3000, 1 << 31, 1000) if ms >= 3 * (margin_ms(ms) + stop))
        if lease < needed:
            path, line = conf.suite_at("fleet_lease")
            yield (
                path,
                line,
                f"fleet_lease: {lease / 1000:g}s is too short for the stop of {server['name']}, which takes up to "
                f"{stop / 1000:g}s; set {needed // 1000}s, or a shorter stop",
            )


def remarks(conf: ConfDir, suite: Values) -> list[Fault]:
    """What `check` warns of: etcd on another machine without TLS."""
    if not suite["fleet"] or suite["fleet"][0] == "https":
        return []
    far = [endpoint for endpoint in suite["fleet"][2:] if not fleet_values.is_loopback(endpoint)]
    text = f"fleet: http to {far[0]}: everyone on the way may read and write; use https://" if far else ""
    return [(*conf.suite_at("fleet"), text)] if far else []
