"""How do many messages become one?  A digest takes in other messages and counts them for each server.

Its field `toll` holds for each server the number of deaths, its state by the last message, and the last cause.
`merged` names the messages that it took in last: if the delivery is killed before it has moved them to sent/, the next
delivery moves them.

    17 servers down on im-3, 45 deaths: msg_server, route_server, ...; 15 back; signal KILL

alerting/throttle.py imports it.
"""

from __future__ import annotations

from alerting import sms, together
from alerting.outbox import OPEN, Alert
from base.instance_names import folded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SERVER = "all"  # no server can have this name
MOST_SERVERS = 5000  # in a digest: this limits the size of its file, and the memory of its reader
LONGEST_CAUSE = 60  # letters
LONGEST_NAME = 40  # letters
DOWN, BACK, GAVE_UP = "down", "back", "gave up"


def fresh(first: Alert, now: float, of: str = "") -> dict[str, Any]:
    """The fields of an empty digest for the hook of `first`, the first message that it will take in.

    now: Unix seconds; of: the server whose instances it is about, "" for any servers.
    """
    incident = f"digest-{now:.6f}{of and f'-{of[:LONGEST_NAME]}'}{'-loud' if first.is_loud else ''}"
    return {
        **dict.fromkeys(first.fields, ""),
        "id": f"{incident}.digest.{first.hook}",
        "incident": incident,
        "event": "digest",
        "hook": first.hook,
        "server": SERVER,
        "host": first.fields["host"],
        "action": GAVE_UP if first.is_loud else "sent together",
        "created": first.fields["created"],
        "tries": 0,
        "next": now,
        "made": now,
        "last": "",
        "toll": {},
        "merged": [],
        "told": 0,
        **({together.KEY: of} if of else {}),
    }


def take_in(fields: dict[str, Any], alerts: list[Alert], touched: float) -> dict[str, Any]:
    """The fields of a digest after it has taken in these messages, in order.

    touched: Unix seconds; the storm is over when no further message has come for a while since then.
    """
    toll: dict[str, list[Any]] = {server: list(entry) for server, entry in fields["toll"].items()}
    hooks = [name for name in fields["hooks"].split(",") if name]
    for alert in alerts:
        if alert.label in toll or len(toll) < MOST_SERVERS:
            toll[alert.label] = _counted(toll.get(alert.label, [0, "", ""]), alert)
        hooks += [name for name in alert.fields["hooks"].split(",") if name not in hooks]
    only = alerts[0].fields["message"] if len(alerts) == 1 and not fields["told"] else ""
    merged = [alert.id for alert in alerts]
    tried = [alert for alert in alerts if alert.fields["tries"]]
    found = {**fields, "toll": toll, "hooks": ",".join(hooks), "merged": merged, "touched": touched}
    found["told"] = fields["told"] + len(alerts)
    found["created"] = min([fields["created"], *(alert.fields["created"] for alert in alerts)])
    found["tries"] = max([fields["tries"], *(alert.fields["tries"] for alert in tried)])
    found["next"] = max([fields["next"], *(alert.due for alert in tried)])
    firsts = [each["first_try"] for each in [fields, *(alert.fields for alert in tried)] if each.get("first_try")]
    found.update({"first_try": min(firsts)} if firsts else {})
    return {**found, **_words(found, only)}


def _counted(entry: list[Any], alert: Alert) -> list[Any]:
    deaths, state, cause = entry
    event, action = alert.fields["event"], alert.fields["action"]
    if event == "core":
        return entry  # its death is counted
    last = sms.squeezed(alert.fields["cause"], LONGEST_CAUSE) or cause
    if event == "give_up":
        return [deaths, GAVE_UP, last]
    if event == "recovery":
        return [deaths, BACK, cause]
    if event == "death" or action in OPEN or action == "restarted":
        return [deaths + 1, BACK if action == "restarted" else DOWN, last]
    return [deaths, event, cause]  # hung or over a limit; the monitor left it running


def _words(fields: dict[str, Any], only: str) -> dict[str, Any]:
    """Message, cause and count of a digest."""
    toll = fields["toll"]
    went = {server: entry for server, entry in toll.items() if entry[0] or entry[1] in (DOWN, GAVE_UP)}
    causes = [entry[2] for entry in went.values() if entry[2]]
    cause = max(sorted(set(causes)), key=causes.count, default="")
    deaths = sum(entry[0] for entry in went.values())
    last = fields.get("last") or ""
    if only:
        message = sms.cut(sms.plain(only), last)
    else:
        mostly = "" if len(set(causes)) < 2 else "mostly "
        message = _message(fields["host"], toll, went, f"; {mostly}{cause}{last}" if cause else last)
    return {"message": message, "cause": cause, "count": str(deaths or fields["told"])}


def _message(host: str, toll: dict[str, list[Any]], went: dict[str, list[Any]], behind: str) -> str:
    lead, names, told = _lead(toll, went, sms.squeezed(sms.plain(host), 40))
    states = [entry[1] for entry in toll.values()]
    more = [f"; {states.count(state)} {words}" for state, words in _SAID if state != told and state in states]
    return sms.listed(folded(names), f"{lead}: ", "".join(more) + behind)


def _lead(toll: dict[str, list[Any]], went: dict[str, list[Any]], host: str) -> tuple[str, list[str], str]:
    """The beginning of the message (how many servers, in which state), their names, and that state."""
    if went and any(entry[1] != GAVE_UP for entry in went.values()):
        deaths = sum(entry[0] for entry in went.values())
        more = f", {deaths} deaths" if deaths > len(went) else ""
        names = sorted(went, key=lambda server: _RANK.get(went[server][1], 2))
        return f"{_servers(names)} down on {host}{more}", names, DOWN
    state, words = next((state, words) for state, words in _SAID if any(state == entry[1] for entry in toll.values()))
    names = [server for server, entry in toll.items() if entry[1] == state]
    return f"{_servers(names)} {words} on {host}", names, state


_RANK = {GAVE_UP: 0, DOWN: 1}  # servers that are still down are named first
_SAID = ((GAVE_UP, "GAVE UP"), (BACK, "back"), ("hung", "hung"), ("limit", "over their limit"))


def _servers(names: list[str]) -> str:
    return f"{len(names)} server{'' if len(names) == 1 else 's'}"
