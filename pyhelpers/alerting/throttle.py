"""Which waiting messages may go to their hooks now, which must wait, and which become one message?

The rules, in this order: a death and its recovery within `recovery_quiet` become one message; silenced servers and
quiet hours make messages wait; more than `digest_after` messages in `digest_window` become one digest
(alerting/digest.py), which is sent when the storm is over; those about instances of one server that come within a
moment are one, too (alerting/together.py); the last message within `hourly_budget` says that the budget is spent. A
give-up ignores all these rules but that of instances, and goes first.

When a message includes another one, we first write it to disk, then move the other one to sent/ (outbox.lay_by): no
message is lost if we are killed or the disk is full. alerting/dispatcher.py imports this file.
"""

from __future__ import annotations

import os
import time

from alerting import digest, outbox, together
from alerting.failover import Line
from alerting.outbox import Alert
from alerting.sent_log import HOUR, Tally, parts
from config import quiet_hours
from state import silences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from alerting.alert_policy import Own, Telling

CALM = 5.0  # seconds without a further message, for a window of 60 s: then the storm is over
LOUD_CALM = 1.0
MOST_HELD = 200  # messages that may wait for the end of quiet hours; more become a digest
_SOON = 1.0  # seconds until the next look at a message that waits for another one


class Gate:
    """The throttle of one delivery run.  waiting: messages by file name; we remove those that another one includes."""

    def __init__(self, alerts_dir: str, conf_dir: str, telling: Telling, waiting: dict[str, Alert]) -> None:
        self._alerts_dir = alerts_dir
        self._telling = telling
        self._waiting = waiting
        self._now = 0.0
        self._crowded: Collection[str] = ()
        self._held: dict[str, float] = {}  # seconds, by ID
        self._quiet: set[str] = set()  # IDs
        self._silent: set[str] = set()
        self._expecting: set[str] = set()
        self.tally = Tally(alerts_dir)
        self.line = Line(alerts_dir, conf_dir, telling, self.tally)

    def take(self, alert: Alert) -> bool:
        """Shall this message, just read, wait here?  Finishes a merge in which an earlier delivery was killed."""
        if not alert.fields["instead"] and not self._telling.of(alert.hook).tells(alert.fields["event"]):
            return not outbox.drop(self._alerts_dir, alert)
        for identity in alert.fields.get("merged", []):
            self._lay_by(identity)
        return True

    def ready(self, now: float, crowded: Collection[str] = ()) -> list[Alert]:
        """The messages to send now, in order.  now: Unix seconds; crowded: hooks with free places for give-ups only."""
        self._crowded = crowded
        self._now, self._held, self._quiet, self._silent = now, {}, set(), set()
        self._expecting = set()
        found: list[Alert] = []
        hooks = {alert.hook for alert in self._waiting.values()}
        self._relieve(hooks)
        for hook in sorted(hooks):
            found += self._of_hook(hook, self._telling.of(hook))
        return sorted(found, key=lambda alert: (not alert.is_loud, alert.order))

    def next_due(self, now: float) -> float | None:
        """Seconds until the next message may be sent; None: no message waits."""
        waits = [min(self._wait(alert, now) for alert in line) for line in self._lanes()]
        return min([*waits, outbox.LONGEST_WAIT]) if waits else None

    def next_change(self, now: float) -> float:
        """Seconds until the next held message becomes free; 0 if no message waits for a time."""
        waits = [self._wait(alert, now) for line in self._lanes() for alert in line]
        return min([wait for wait in waits if wait], default=0.0)

    def is_at_work(self) -> bool:
        """Must the run go on, because a digest is nearly due, or because we queued a message?"""
        return bool(self.line.has_queued or self._expecting) or any(
            alert.is_digest and not alert.fields["tries"] and 0 < self._held.get(alert.id, 0) <= CALM
            for alert in self._waiting.values()
        )

    def sent(self, alert: Alert, now: float) -> None:
        """Count a message that its hook has sent. A sent give-up replaces older waiting messages of its lane."""
        event, hook = parts(f"{alert.id}.json")
        self.tally.add(hook, event, now)
        for other in list(self._waiting.values()) if alert.is_loud else []:
            if other.lane == alert.lane and other.order < alert.order and not other.calling:
                self._lay_by(other.id)

    # -- by hook -----------------------------------------------------------------------------------------------------

    def _of_hook(self, hook: str, own: Own) -> list[Alert]:
        self._join_recoveries(hook)
        for alert in self._idle(hook):
            self._hold(alert, own)
        for loud in (True, False):
            self._gather(hook, own, loud)
            self._join_instances(hook, own, loud)
        self._hold_digests(hook, own)
        self._ration(hook, own)
        heads = [self._head(line) for line in self._lanes(hook)]
        return [alert for alert in heads if not self._wait(alert, self._now)]

    def _idle(self, hook: str, loud: bool | None = None) -> list[Alert]:
        """The messages to a hook without a running call, in order; loud: only those that a digest may take in."""
        found = [alert for alert in self._waiting.values() if alert.hook == hook and not alert.calling]
        if loud is not None:
            found = [alert for alert in found if alert.is_loud == loud and not alert.is_notice]
        return sorted(found, key=lambda alert: alert.order)

    def _calls(self, hook: str) -> list[Alert]:
        return [alert for alert in self._waiting.values() if alert.hook == hook and alert.calling]

    def _lanes(self, hook: str = "") -> list[list[Alert]]:
        """For each lane without a running call: its first message, and the first give-up behind it."""
        lanes: dict[tuple[str, str, bool], list[Alert]] = {}
        for alert in sorted(self._waiting.values(), key=lambda each: each.order):
            if hook in ("", alert.hook):
                lanes.setdefault(alert.lane, []).append(alert)
        idle = [line for line in lanes.values() if not any(alert.calling for alert in line)]
        return [[line[0], *[alert for alert in line[1:] if alert.is_loud][:1]] for line in idle]

    def _head(self, line: list[Alert]) -> Alert:
        """The message of a lane to send first: a give-up overtakes the first message if that one must wait."""
        return line[-1] if line[0].hook in self._crowded or self._wait(line[0], self._now) else line[0]

    def _wait(self, alert: Alert, now: float) -> float:
        return max(alert.wait(now), self._held.get(alert.id, 0.0))

    def _left(self, since: float, seconds: float) -> float:
        """How much of `seconds` is left since then; 0 if `since` is in the future, because the clock was set back."""
        return max(0.0, since + seconds - self._now) if since <= self._now + 1 else 0.0

    def _hold_for(self, alert: Alert, seconds: float) -> None:
        self._held[alert.id] = max(self._held.get(alert.id, 0.0), seconds)

    def _lay_by(self, identity: str) -> None:
        if outbox.lay_by(self._alerts_dir, identity):
            self._waiting.pop(f"{identity}.json", None)

    def _relieve(self, hooks: set[str]) -> None:
        waiting = {hook: [a for a in self._waiting.values() if a.hook == hook] for hook in hooks}
        failing = {hook for hook in hooks if self.line.failing_since(hook, waiting[hook], self._now)}
        for hook in failing:
            self.line.relieve(hook, waiting[hook], failing, self._now)

    # -- one message -------------------------------------------------------------------------------------------------

    def _join_recoveries(self, hook: str) -> None:
        """Make one message of a death and its recovery if both still wait."""
        deaths = {a.fields["incident"]: a for a in self._idle(hook) if a.is_open and not a.fields["tries"]}
        for alert in self._idle(hook) if deaths else []:
            death = deaths.get(alert.fields["incident"])
            if death and alert.fields["event"] == "recovery" and self._save(death, _joined(death, alert)):
                self._lay_by(alert.id)

    def _hold(self, alert: Alert, own: Own) -> None:
        if alert.is_loud:
            return
        quiet = quiet_hours.wait(own.quiet, alert.fields["event"], self._now)
        if quiet:
            self._quiet.add(alert.id)
            self._hold_for(alert, quiet)
        if alert.is_open and not alert.fields["tries"]:
            self._hold_for(alert, self._left(alert.fields["created"], own.recovery_quiet))
        end = silences.until(os.path.dirname(self._alerts_dir), alert.kept_in, self._now)
        if end and alert.is_open:  # the server may still be down when the silence ends
            self._silent.add(alert.id)
            self._hold_for(alert, end - self._now)
        elif end and not self._closes_told(alert):
            self._lay_by(alert.id)

    def _closes_told(self, alert: Alert) -> bool:
        """Is it the recovery of an incident that the hook has reported, and that would otherwise stay open?"""
        told = (f"{alert.fields['incident']}.{event}.{alert.hook}" for event in quiet_hours.EVENTS)
        return alert.fields["event"] == "recovery" and any(outbox.was_sent(self._alerts_dir, each) for each in told)

    # -- many messages -----------------------------------------------------------------------------------------------

    def _gather(self, hook: str, own: Own, loud: bool) -> None:
        """Merge many messages into a digest. A waiting digest takes in all new ones; during its call they wait."""
        idle = self._idle(hook, loud)
        waiting = next((alert for alert in idle if alert.is_digest and not self._goes_alone(alert, own)), None)
        singles = [alert for alert in idle if not alert.is_digest and alert.id not in self._silent]
        if not waiting and len(singles) <= MOST_HELD:
            singles = [alert for alert in singles if alert.id not in self._quiet]
        calls = [alert for alert in self._calls(hook) if alert.is_loud == loud]
        recent = 0 if loud else len(calls) + self.tally.count(hook, own.digest_window, self._now, singles=True)
        many = 0 < own.digest_after < len(singles) + recent
        if any(alert.is_digest for alert in calls):
            for alert in singles:
                self._hold_for(alert, _SOON)
        elif singles and (waiting or (many and len(singles) > 1)):
            if not self._take_in(waiting, singles, self._now):
                for alert in singles[0 if waiting else max(0, own.digest_after - recent) :]:
                    self._hold_for(alert, CALM)
        elif singles and many:
            wait = self.tally.room_in(hook, own.digest_window, self._now, own.digest_after, singles=True)
            self._hold_for(singles[0], wait or _SOON)

    def _join_instances(self, hook: str, own: Own, loud: bool) -> None:
        """Merge messages about instances of one server that have come within a moment, unless conf wants each."""
        idle = [alert for alert in self._idle(hook, loud) if not alert.is_digest and not alert.fields["tries"]]
        due = [alert for alert in idle if own.digest_after and not self._wait(alert, self._now)]
        for base, group in together.groups(due).items():
            left = together.left(group, self._now)
            if not left and together.is_several(group):
                self._take_in(None, group, 0.0, of=base)
            for alert in group if left else ():
                self._expecting.add(alert.id)
                self._hold_for(alert, left)

    def _take_in(
        self, waiting: Alert | None, alerts: list[Alert], touched: float, last: str = "", of: str = ""
    ) -> bool:
        """Merge messages into the waiting digest, or a new one; False if it could not be written.

        of: they are about instances of this server.
        """
        taken = alerts[: digest.MOST_SERVERS]
        fields = waiting.fields if waiting else digest.fresh(taken[0], self._now, of)
        fields = digest.take_in({**fields, "last": last or fields["last"]}, taken, touched)
        alert = waiting or Alert(fields, fields["next"])
        if not self._save(alert, fields):
            return False
        self._waiting[f"{alert.id}.json"] = alert
        for each in taken:
            self._lay_by(each.id)
        return True

    def _save(self, alert: Alert, fields: dict[str, Any]) -> bool:
        try:
            outbox.keep(self._alerts_dir, fields, "new")
        except OSError:
            return False
        alert.fields, alert.due = fields, fields["next"]
        return True

    def _hold_digests(self, hook: str, own: Own) -> None:
        """Hold a digest until the storm is over, at most one window; send at most one a window.

        It also waits for running calls about its servers. A digest of give-ups goes first, unless a try has failed.
        """
        on_their_way = {alert.server for alert in self._calls(hook)}
        of_hook = [alert for alert in self._waiting.values() if alert.hook == hook]
        first = any(alert.is_digest and alert.is_loud and not alert.fields["tries"] for alert in of_hook)
        for alert in [alert for alert in self._idle(hook) if alert.is_digest]:
            if (first and not alert.is_loud) or on_their_way.intersection(alert.fields["toll"]):
                self._hold_for(alert, _SOON)
            if alert.fields["tries"]:
                continue
            calm = LOUD_CALM if alert.is_loud else min(CALM, own.digest_window / 12)
            left = min(self._left(alert.fields["touched"], calm), self._left(alert.fields["made"], own.digest_window))
            is_free = alert.is_loud or self._is_no_storm(alert, own)
            last = 0.0 if is_free else self.tally.last(hook, self._now, "digest")
            self._hold_for(alert, max(left, self._left(last, own.digest_window)))

    def _is_no_storm(self, alert: Alert, own: Own) -> bool:
        """Does it tell of instances of one server, and has the hook got few messages lately?"""
        few = self.tally.count(alert.hook, own.digest_window, self._now) < own.digest_after
        return together.KEY in alert.fields and few

    def _goes_alone(self, alert: Alert, own: Own) -> bool:
        """Is it about to be sent, and about instances of one server, so that others do not belong into it?"""
        return self._is_no_storm(alert, own) and not alert.fields["tries"]

    def _ration(self, hook: str, own: Own) -> None:
        """Enforce hourly_budget: its last message is a digest of all that waits, and says that the budget is spent."""
        if not own.hourly_budget:
            return
        calls = len(self._calls(hook))
        left = own.hourly_budget - self.tally.count(hook, HOUR, self._now) - calls
        idle = self._idle(hook, loud=False)
        due = [alert for alert in idle if not self._wait(alert, self._now)]
        if left > 1:
            held, wait = due[left - 1 :], _SOON
        elif left == 1 and not calls:
            held, wait = self._last(hook, own, due), _SOON
        else:
            held, wait = idle, self.tally.room_in(hook, HOUR, self._now, own.hourly_budget)
        for alert in held:
            self._hold_for(alert, wait or _SOON)

    def _last(self, hook: str, own: Own, due: list[Alert]) -> list[Alert]:
        """Merge the due messages into one digest; return those that must wait."""
        waiting = next((alert for alert in due if alert.is_digest), None)
        if not due or (waiting and waiting.fields["last"]):
            return []
        room = self.tally.room_in(hook, HOUR, self._now, own.hourly_budget - 1) if own.hourly_budget > 1 else HOUR
        clock = time.strftime("%H:%M", time.localtime(self._now + room))
        last = f"; budget of {own.hourly_budget}/h spent, next after {clock}"
        return [] if self._take_in(waiting, [a for a in due if not a.is_digest], 0.0, last) else due[1:]


def _joined(death: Alert, recovery: Alert) -> dict[str, Any]:
    """The fields of a death that includes its recovery."""
    fields, late = death.fields, recovery.fields
    seconds = max(0, round(late["created"] - fields["created"]))
    was = f"died ({fields['cause']})" if fields["cause"] else "would not start"
    nth = f", {fields['count']} deaths in 1h" if fields["count"] not in ("", "0", "1") else ""
    text = f"{fields['host']}: {death.label} {was}, runs again after {seconds}s, pid {late['pid']}{nth}"
    return {**fields, "message": text, "action": "restarted", "merged": [recovery.id]}
