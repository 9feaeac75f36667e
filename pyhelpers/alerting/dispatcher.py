"""In which order do alerts go to their hooks, and where does each go after the call?

The messages of one server to one hook form a lane: they are sent one after another, in the order of their creation. A
message that waits for its next try delays only the messages behind it in its lane. At most PLACES calls of one hook
run at a time: a storm of alerts does not become a storm of processes, and a hook that hangs delays only its own alerts.

deliver.py is the command line, and lists the lines that this file prints.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections import Counter

from alerting import hook, outbox, throttle
from config import grammar
from loop.newcomers import on_newcomers
from loop.subreaper import Subreaper
from state import printed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from alerting.alert_policy import Telling
    from loop.loop import Timer

LOUD_PLACES = 2  # additional places, for give-ups only
BURST = 1.0  # seconds; messages queued within this time, while calls run, are read together, so a storm is one digest
PLACES = 8  # calls of one hook at a time; more than one, so that a hanging call does not block the others
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Lanes:
    """One delivery run over the spool, with its own loop; the hooks run in parallel."""

    def __init__(self, alerts_dir: str, conf_dir: str, seconds: float, telling: Telling) -> None:
        self._alerts_dir = alerts_dir
        self._conf_dir = conf_dir
        self._seconds = seconds
        self._waiting: dict[str, outbox.Alert] = {}  # by file name
        self._gate = throttle.Gate(alerts_dir, conf_dir, telling, self._waiting)
        self._stuck: set[str] = set()  # files that we could not read, or could not put aside
        self._places: Counter[str] = Counter()  # calls that live, by hook
        self._said_unfit: set[str] = set()  # hooks
        self._ending = False
        self._host = Subreaper()
        self._next_turn: Timer | None = None

    def run(self) -> None:
        """Deliver all messages that are due or become due during the run; after a STOPPING signal begin no new call."""
        self._hear_signals()
        try:
            on_newcomers(self._host.loop, f"{self._alerts_dir}/new", lambda: self._turn_within(BURST))
        except OSError:
            pass  # without inotify, a new message waits for the end of a call or for the next run
        self._turn_soon()
        self._host.run()
        outbox.prune(self._alerts_dir)

    def _hear_signals(self) -> None:
        heard, hear = os.pipe()
        os.set_blocking(hear, False)
        signal.set_wakeup_fd(hear, warn_on_full_buffer=False)
        for number in STOPPING:
            signal.signal(number, self._end)

        def wake() -> None:
            os.read(heard, 64)
            self._turn_soon()

        self._host.loop.on_readable(heard, wake)

    def _end(self, *_: object) -> None:
        """The handler of the signals: it comes before what the loop has to handle, such as the end of a call."""
        self._ending = True

    def _turn_soon(self) -> None:
        self._turn_within(0)

    def _turn_within(self, seconds: float) -> None:
        """Schedule one turn within so many seconds, for everything that happens until then."""
        if self._next_turn and self._next_turn.due <= time.monotonic() + seconds:
            return
        if self._next_turn:
            self._next_turn.cancel()
        self._next_turn = self._host.loop.after(seconds * 1000, self._turn)

    def _turn(self) -> None:
        self._next_turn = None
        self._look()
        self._begin_calls()
        if not any(self._places.values()) and (self._ending or not self._gate.is_at_work()):
            self._host.loop.ended = True
        elif self._gate.line.has_queued:
            self._turn_soon()
        elif wait := 0.0 if self._ending else self._gate.next_change(time.time()):
            self._turn_within(wait)

    def next_due(self) -> str:
        """Return the ms until the next message is due, `-` when none waits."""
        self._gate.ready(time.time())  # for the changes by the last outcomes
        wait = self._gate.next_due(time.time())
        return "-" if wait is None else str(math.ceil(wait * 1000))

    def _look(self) -> None:
        """Read new files in new/, and forget messages whose files are gone."""
        self._gate.line.has_queued = False
        there = set(outbox.names(self._alerts_dir))
        for name in there.difference(self._waiting, self._stuck):
            self._read(name)
        for name in set(self._waiting).difference(there):
            if not self._waiting[name].calling:
                del self._waiting[name]

    def _read(self, name: str) -> None:
        try:
            alert = outbox.read(self._alerts_dir, name)
            if self._gate.take(alert):
                self._waiting[name] = alert
        except outbox.Alien as error:
            self._put_aside(name, str(error))
        except FileNotFoundError:
            pass
        except OSError as error:
            self._stuck.add(name)
            warn(f"new/{name}: {grammar.reason(error)}; left for the next run")

    def _put_aside(self, name: str, why: str) -> None:
        try:
            place = outbox.put_aside(self._alerts_dir, name)
            warn(f"new/{name}: no message: {why}; put aside as {place}")
        except OSError as error:
            self._stuck.add(name)
            warn(f"new/{name}: no message: {why}; cannot be put aside: {grammar.reason(error)}")

    def _begin_calls(self) -> None:
        crowded = [name for name, calls in self._places.items() if calls >= PLACES]
        for alert in self._gate.ready(time.time(), crowded) if not self._ending else []:
            if self._places[alert.hook] < PLACES + (LOUD_PLACES if alert.is_loud else 0):
                self._begin_call(alert)

    def _begin_call(self, alert: outbox.Alert) -> None:
        alert.calling = True
        self._add_output(alert)
        self._places[alert.hook] += 1

        def told(outcome: hook.Outcome) -> None:
            self._take(alert, outcome)
            self._turn_soon()

        def gone() -> None:
            self._places[alert.hook] -= 1
            self._turn_soon()

        hook.Call(self._host, self._conf_dir, alert.hook, alert.fields, self._seconds, told, gone)

    def _add_output(self, alert: outbox.Alert) -> None:
        """What its server printed last, and its core, may have been found after the alert was queued."""
        state_dir, incident = os.path.dirname(self._alerts_dir), alert.fields["incident"]
        if alert.fields["event"] != "recovery" and not alert.fields.get("output"):
            alert.fields["output"] = printed.of(state_dir, alert.kept_in, incident)
        if alert.fields["event"] in ("death", "give_up") and not alert.fields.get("core"):
            alert.fields["core"] = printed.of(state_dir, alert.kept_in, incident, printed.CORE)

    def _take(self, alert: outbox.Alert, outcome: hook.Outcome) -> None:
        alert.calling = False
        if outcome.status == hook.UNFIT:
            self._unfit(alert, outcome.output)
        else:
            warn(outcome.output)
            self._settle(alert, outcome)

    def _settle(self, alert: outbox.Alert, outcome: hook.Outcome) -> None:
        if outcome.status in (hook.LATER, hook.TIMEOUT):
            self._put_off(alert, outcome)
        elif outcome.status != hook.SENT:
            if self._move(alert, "failed", outcome):
                say("refused", alert.hook, alert.id, outcome.status)
                self._gate.line.hand_on(alert, {alert.hook})
        elif self._move(alert, "sent", outcome):
            say("sent", alert.hook, alert.id, outcome.ms)
            self._gate.sent(alert, time.time())

    def _move(self, alert: outbox.Alert, folder: str, outcome: hook.Outcome) -> bool:
        """Move a message after its call; if that fails, make sure that it is neither lost nor sent endlessly."""
        try:
            outbox.settle(self._alerts_dir, alert, folder, outcome.output)
        except FileNotFoundError:
            pass  # someone removed it while its hook ran
        except OSError as error:
            warn(f"{alert.id}: cannot be moved to {folder}/: {grammar.reason(error)}")
            if folder == "failed" or not outbox.drop(self._alerts_dir, alert):
                self._put_off(alert, outcome)
                return False
        self._waiting.pop(f"{alert.id}.json", None)
        return True

    def _put_off(self, alert: outbox.Alert, outcome: hook.Outcome) -> None:
        wait = outbox.put_off(self._alerts_dir, alert, outcome.output)
        say("later", alert.hook, alert.id, outcome.status, math.ceil(wait))

    def _unfit(self, alert: outbox.Alert, why: str) -> None:
        outbox.put_off(self._alerts_dir, alert, None)
        if alert.hook not in self._said_unfit:
            self._said_unfit.add(alert.hook)
            say("unfit", alert.hook, why)


def say(*words: object) -> None:
    """Print one line for the watcher, on stdout."""
    write(1, " ".join(map(str, words)) + "\n")


def warn(words: str) -> None:
    """Print for a person, on stderr."""
    write(2, hook.printable(words))


def write(fd: int, text: str) -> None:
    """Print, and ignore errors: a closed pipe or a log on a full disk must not prevent the move of a message."""
    try:
        os.write(fd, text.encode("utf-8", "replace"))
    except OSError:
        pass
