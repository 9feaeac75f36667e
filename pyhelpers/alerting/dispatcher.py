"""In which order do alerts go to their hooks, and what becomes of each?

Messages of one server to one hook are a lane: they go out one after another, in the order of their making, and one
that waits for its next try holds back those behind it and nobody else. Of a hook at most PLACES calls live at a time,
so that a storm of alerts is no storm of processes, and a hook that hangs delays nobody but itself.

deliver.py is the command line; the lines that this prints are listed there.
"""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections import Counter
from typing import Optional

from alerting import hook, outbox, session, throttle
from config import grammar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from alerting.alert_policy import Telling

LOUD_PLACES = 2  # more, for a give-up
PLACES = 8  # calls of one hook at a time: a hook that hangs must not keep a hundred others of itself waiting
LOOK_EVERY = 1.0  # seconds; only while calls run: an alert queued meanwhile does not wait for them

# an alert and its outcome; without an outcome its call is over altogether, and its place free
Event = tuple[outbox.Alert, Optional[session.Outcome]]


class Lanes:
    """One run over the outbox. The calls live in threads; this, in the main thread, alone touches the spool."""

    def __init__(self, alerts_dir: str, conf_dir: str, seconds: float, telling: Telling) -> None:
        self._alerts_dir = alerts_dir
        self._conf_dir = conf_dir
        self._seconds = seconds
        self._waiting: dict[str, outbox.Alert] = {}  # by file name
        self._gate = throttle.Gate(alerts_dir, conf_dir, telling, self._waiting)
        self._stuck: set[str] = set()  # files that are no messages and could not be moved away
        self._places: Counter[str] = Counter()  # calls that live, by hook
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._said_unfit: set[str] = set()  # hooks
        self._ending = False

    def run(self) -> None:
        """Hand over all that is due, and what becomes due meanwhile."""
        while True:
            self._look()
            self._begin_calls()
            if not any(self._places.values()) and (self._ending or not self._gate.is_at_work()):
                break
            self._take_events()
        outbox.prune(self._alerts_dir)

    def stop(self, *_: object) -> None:
        """Begin no more calls (a signal handler)."""
        self._ending = True

    def next_due(self) -> str:
        """Return the ms until the next message is due, `-` when none waits."""
        self._gate.ready(time.time())  # what the last outcomes have changed
        wait = self._gate.next_due(time.time())
        return "-" if wait is None else str(math.ceil(wait * 1000))

    def _look(self) -> None:
        """Read what is new in new/, and forget what somebody took away."""
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
        self._places[alert.hook] += 1
        try:
            threading.Thread(target=self._call, args=(alert,)).start()
        except RuntimeError as error:  # no thread can be had: too many processes, or no memory
            self._events.put((alert, session.Outcome(hook.UNFIT, 0, f"cannot be called now: {error}")))
            self._events.put((alert, None))

    def _call(self, alert: outbox.Alert) -> None:
        """Call the hook (in a thread): its outcome is told when it is known, its place given up when it is gone."""
        try:
            with hook.call(self._conf_dir, alert.hook, alert.fields, self._seconds) as running:
                self._events.put((alert, running.wait()))
        except hook.Unfit as error:
            self._events.put((alert, session.Outcome(hook.UNFIT, 0, str(error))))
        except Exception as error:  # whatever it was: the message must wait and the cause be said
            self._events.put((alert, session.Outcome(hook.UNFIT, 0, f"cannot be called: {error!r}")))
        finally:
            self._events.put((alert, None))

    def _take_events(self) -> None:
        """Wait for an event, for a moment; then take all there are."""
        try:
            event = self._events.get(timeout=LOOK_EVERY)
            while True:
                self._take(*event)
                event = self._events.get_nowait()
        except queue.Empty:
            pass

    def _take(self, alert: outbox.Alert, outcome: session.Outcome | None) -> None:
        if outcome is None:
            self._places[alert.hook] -= 1
            return
        alert.calling = False
        if outcome.status == hook.UNFIT:
            self._unfit(alert, outcome.output)
        else:
            warn(outcome.output)
            self._settle(alert, outcome)

    def _settle(self, alert: outbox.Alert, outcome: session.Outcome) -> None:
        if outcome.status in (hook.LATER, session.TIMEOUT):
            self._put_off(alert, outcome)
        elif outcome.status != "0":
            if self._move(alert, "failed", outcome):
                say("refused", alert.hook, alert.id, outcome.status)
                self._gate.line.hand_on(alert, {alert.hook})
        elif self._move(alert, "sent", outcome):
            say("sent", alert.hook, alert.id, outcome.ms)
            self._gate.sent(alert, time.time())

    def _move(self, alert: outbox.Alert, folder: str, outcome: session.Outcome) -> bool:
        """Move a message whose outcome is known; where that fails, see that it is neither lost nor sent for ever."""
        try:
            outbox.settle(self._alerts_dir, alert, folder, outcome.output)
        except FileNotFoundError:
            pass  # somebody took it away while its hook ran
        except OSError as error:
            warn(f"{alert.id}: cannot be moved to {folder}/: {grammar.reason(error)}")
            if folder == "failed" or not outbox.drop(self._alerts_dir, alert):
                self._put_off(alert, outcome)
                return False
        self._waiting.pop(f"{alert.id}.json", None)
        return True

    def _put_off(self, alert: outbox.Alert, outcome: session.Outcome) -> None:
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
    """Print. A reader that is gone, or a log on a full disk, must not keep a message from being moved."""
    try:
        os.write(fd, text.encode("utf-8", "replace"))
    except OSError:
        pass
