"""Deliver the waiting alerts to their hooks, and print the outcome of each.

    $ python3 -E -s pyhelpers/deliver.py run state/alerts conf
    sent sms msg_server-812.death.sms 3
    later sms-http msg_server-812.death.sms-http 75 5
    next 5000

run    delivers all that is due, ends when nothing more is due, and prints lines for the watcher:
           sent HOOK ID MS               the hook sent it, in so many ms
           refused HOOK ID STATUS        its exit status, or the name of a signal; the message is in failed/
           later HOOK ID STATUS SECONDS  75, or timeout; the next try follows in so many seconds
           unfit HOOK REASON...          the hook cannot be called (once a run); its messages wait
           next MS                       the last line: ms until the next message is due; `next -`: none waits
       The output of hooks, and faults of the spool, go to stderr.
test   calls each HOOK once with a TEST alert, and keeps the message in sent/ or failed/
fit    prints which of the HOOKs cannot be called, and why

After TERM, INT or HUP a run waits for running calls and begins no new one. A second run waits for the end of the first.

Exit status: 0 good; 1 the spool cannot be used, or a test was not sent; 2 usage; 6 a hook is not fit.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Sequence

from alerting import alert_policy, dispatcher, hook, outbox
from base.exits import FAILED, GOOD, NOT_CONFIGURED
from config import grammar
from state import spool

NICER = 10  # a hundred hooks in parallel must not slow down starting servers
_REFUSED_RUN = 30_000  # ms until the next run after one that could not use the spool


def run(alerts_dir: str, conf_dir: str, seconds: float = hook.SECONDS, settled: str = "") -> int:
    """Deliver all that is due; only one process does so at a time. Returns the exit status.

    seconds: how long a hook may run. settled: the monitor's settled conf, which has the alert policy; else use conf.
    """
    _start_clean()
    os.nice(NICER)
    try:
        spool.make(alerts_dir)
        lock = _lock(f"{alerts_dir}/lock")
        delivery = dispatcher.Lanes(alerts_dir, conf_dir, seconds, _telling(conf_dir, settled))
        delivery.run()
        os.close(lock)
    except OSError as error:
        dispatcher.warn(f"{error.filename or alerts_dir}: {grammar.reason(error)}")
        dispatcher.say("next", _REFUSED_RUN)
        return FAILED
    dispatcher.say("next", delivery.next_due())
    return GOOD


def _telling(conf_dir: str, settled: str) -> alert_policy.Telling:
    try:
        return alert_policy.from_settled(settled, conf_dir)
    except (OSError, ValueError):  # not given, or its monitor has ended
        return alert_policy.from_conf(conf_dir)


def _lock(path: str) -> int:
    """Wait for the lock. We open it for writing, so that we send nothing if we could not record the outcome."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def _start_clean() -> None:
    """Open descriptors 0, 1 and 2, unblock signals, and stop ignoring CHLD, or the exit status of hooks is lost."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # otherwise a message file could become the stdout of a hook
    os.close(fd)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def test(alerts_dir: str, conf_dir: str, hooks: Sequence[str], seconds: float = hook.SECONDS) -> int:
    """Send one TEST alert through each hook and print the outcome. Returns the exit status."""
    _start_clean()
    return max([_test(alerts_dir, conf_dir, name, seconds) for name in hooks])


def _test(alerts_dir: str, conf_dir: str, name: str, seconds: float) -> int:
    from base.progress import Progress  # a run needs none

    status, begun = FAILED, time.monotonic()
    line = Progress()

    def told(outcome: hook.Outcome) -> None:
        nonlocal status
        line.end()
        status = _tested(alerts_dir, alert, outcome, seconds)

    def waits() -> None:
        line.show(f"test: waiting for the hook {name}, {time.monotonic() - begun:.0f} of at most {seconds:.0f} s")

    alert = _test_alert(name)
    with line:
        hook.call_alone(conf_dir, name, alert, told, seconds, waits)
    return status


def _tested(alerts_dir: str, alert: dict[str, object], outcome: hook.Outcome, seconds: float) -> int:
    name = alert["hook"]
    if outcome.status == hook.UNFIT:
        dispatcher.warn(f"{name}: {outcome.output}")
        return NOT_CONFIGURED
    dispatcher.warn(outcome.output)
    dispatcher.write(1, f"{name}: {hook.in_words(outcome.status, seconds)} ({outcome.ms} ms)\n")
    alert.update(tries=1, last_output=outcome.output)
    is_sent = outcome.status == hook.SENT
    try:
        spool.make(alerts_dir)
        outbox.keep(alerts_dir, alert, "sent" if is_sent else "failed")
    except OSError as error:
        dispatcher.warn(f"{name}: the message cannot be kept in {alerts_dir}: {grammar.reason(error)}")
    return GOOD if is_sent else FAILED


def _test_alert(name: str) -> dict[str, object]:
    """The alert of a test; its server is TEST, as in the original monitor.sh."""
    now = time.time()
    host = os.uname().nodename
    incident = f"test-{now:.3f}"
    alert: dict[str, object] = dict.fromkeys(spool.MORE, "")
    alert.update(id=f"{incident}.test.{name}", incident=incident, hook=name, event="test", server="TEST", host=host)
    alert.update(message=f"{host}: TEST alert of the monitor; nothing is wrong", created=now, next=now)
    return alert


def fit(conf_dir: str, hooks: Sequence[str]) -> int:
    """Print which of the hooks cannot be called. Returns the exit status."""
    status = GOOD
    for name in hooks:
        try:
            hook.require_fit(conf_dir, name)
        except hook.Unfit as error:
            dispatcher.warn(f"{name}: {error}")
            status = NOT_CONFIGURED
    return status


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deliver.py", description="Deliver the waiting alerts to their hooks.")
    parser.add_argument("--seconds", type=float, default=hook.SECONDS, help="for one hook (default: %(default)g)")
    orders = parser.add_subparsers(dest="order", required=True, metavar="run|test|fit")
    for order in ("run", "test", "fit"):
        one = orders.add_parser(order)
        if order == "run":
            one.add_argument("--settled", default="", help="of a monitor (RUN_DIR/settled); else conf is read")
        if order != "fit":
            one.add_argument("alerts", metavar="ALERTS_DIR")
        one.add_argument("conf", metavar="CONF_DIR")
        if order != "run":
            one.add_argument("hook", metavar="HOOK", nargs="+")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    options = _options(words)
    if options.order == "run":
        return run(options.alerts, options.conf, options.seconds, options.settled)
    if options.order == "test":
        return test(options.alerts, options.conf, options.hook, options.seconds)
    return fit(options.conf, options.hook)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
