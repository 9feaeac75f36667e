"""Which hook sends an alert if its own hook fails?  The next one in the server's `alert` list, then any in conf.

A hook is dead if messages have waited for it for `hook_dead_after` and it has sent none since.  A message that a hook
refuses goes to the next hook at once.  A hook that has the same message already does not get it twice.  The next hook
also gets one message that the other one fails.  The messages stay queued for the failing hook, which may recover.

alerting/throttle.py and alerting/dispatcher.py import it.
"""

from __future__ import annotations

import os

from alerting import hook
from state import spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from alerting.alert_policy import Telling
    from alerting.outbox import Alert
    from alerting.sent_log import Tally


class Line:
    """The hooks in the order of failover."""

    def __init__(self, alerts_dir: str, conf_dir: str, telling: Telling, tally: Tally) -> None:
        self._alerts_dir = alerts_dir
        self._conf_dir = conf_dir
        self._telling = telling
        self._tally = tally
        self.has_queued = False  # we queued a message since the dispatcher last read the spool

    def failing_since(self, name: str, waiting: Iterable[Alert], now: float) -> float:
        """Since when the hook of these messages fails (Unix seconds); 0 if it does not.

        That is the first failed try since the hook last sent a message.
        """
        last = self._tally.last(name, now)
        tried = [float(alert.fields["first_try"]) for alert in waiting if alert.fields.get("first_try")]
        return min((first for first in tried if first > last), default=0.0)

    def relieve(self, name: str, waiting: list[Alert], failing: set[str], now: float) -> None:
        """If a hook is dead, queue its waiting messages for other hooks.  failing: the names of all failing hooks."""
        since = self.failing_since(name, waiting, now)
        # If the clock was set back, `since` is in the future and its age is unknown: the hook counts as dead.
        if not since or 0 <= now - since < self._telling.of(name).hook_dead_after:
            return
        for other in {self.hand_on(alert, failing) for alert in waiting} - {""}:
            self._notify(other, name, waiting, since, now)

    def hand_on(self, alert: Alert, failing: set[str]) -> str:
        """Queue a message for the next hook; return its name, or "" if there is none or it has the message already."""
        told_of = _listed(alert.fields["hooks"])
        passed = {alert.hook, *_listed(alert.fields["instead"]), *failing}
        for name in dict.fromkeys([*told_of, *self._telling.hooks]):
            if name in passed or not self._is_fit(name):
                continue
            if name in told_of and self._telling.of(name).tells(alert.fields["event"]):
                return ""  # this hook works, and has a copy of the message
            return str(name) if self._queue(alert, name) else ""
        return ""

    def _is_fit(self, name: str) -> bool:
        try:
            hook.require_fit(self._conf_dir, name)
        except hook.Unfit:
            return False
        return True

    def _queue(self, alert: Alert, name: str) -> bool:
        fields = {key: alert.fields[key] for key in (*spool.NEEDED, *spool.MORE)}
        fields.update(hook=name, instead=",".join([*_listed(alert.fields["instead"]), alert.hook]))
        return self._put(fields)

    def _put(self, fields: dict[str, str]) -> bool:
        try:
            queued = spool.queue(self._alerts_dir, fields)
        except (OSError, ValueError):
            return False  # a full disk: the next run tries again
        self.has_queued = self.has_queued or queued
        return queued

    def _notify(self, other: str, name: str, waiting: list[Alert], since: float, now: float) -> None:
        host = os.uname().nodename
        outputs = [line for alert in waiting for line in alert.fields["last_output"].splitlines()[:1] if line.strip()]
        why = f" ({outputs[0][:60]})" if outputs else ""
        minutes = int(max(0.0, now - since)) // 60
        text = f"{host}: hook {name} has failed for {minutes}m{why}, {len(waiting)} wait for it; {other} sends them"
        fields = {"incident": f"hook-{name}-{since:.0f}", "event": "digest", "hook": other, "server": "all"}
        self._put({**fields, "message": text, "action": "sent instead", "instead": name})


def _listed(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
