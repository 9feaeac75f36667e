"""One message tells of all instances of a server that die within a moment.

    4 servers down on im-3: web@1..4; 4 back; signal KILL

Each message about an instance waits a moment for those about the others; a server that is no instance does not wait.
alerting/throttle.py asks, and makes a digest of what belongs together.
"""

from __future__ import annotations

from base.instance_names import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from alerting.outbox import Alert

MOMENT = 1.0  # seconds without a further message
LONGEST = 5.0  # seconds after the first one
KEY = "instance_of"  # of a digest that tells of the instances of this server alone


def groups(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    """The messages about instances, by the NAME of their server; a core is reported behind its death, by itself."""
    found: dict[str, list[Alert]] = {}
    for alert in alerts:
        base, instance = split(alert.server)
        if instance and alert.fields["event"] != "core":
            found.setdefault(base, []).append(alert)
    return found


def left(group: list[Alert], now: float) -> float:
    """Seconds until no further message is expected; 0: now.  now: Unix seconds."""
    made = [float(alert.fields["created"]) for alert in group]
    if max(made) > now + 1:  # someone has set the clock back
        return 0.0
    return max(0.0, min(max(made) + MOMENT, min(made) + LONGEST) - now)


def is_several(group: list[Alert]) -> bool:
    """Are they about several instances?"""
    return len({alert.label for alert in group}) > 1
