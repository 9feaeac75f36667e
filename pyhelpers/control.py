"""Give orders to the monitors, wait until they are carried out, and print the outcome.

    $ python3 -E -s pyhelpers/control.py ROOT CONF_DIR STATE_DIR CWD stop [--timeout 60s] NAME...
    msg_server: stopped

Words: start stop restart reload pause resume clear signal drill shutdown.  NAME may be a glob, or `all`, which leaves
out servers with `start = manual` that do not run when it is about starting them.
An order is a line in the mailbox of the monitor that watches the server.  The monitor writes its answer into the
server's file answers and the server's new state into its record.  stop, start and restart also work without a monitor.
`restart --rolling [--at-once N]`, `restart --overlap` and `drill --rolling` take one after another: operate/rolling.py.

Exit: 0 done · 1 failed · 2 usage · 4 no permission · 5 not installed · 6 not configured ·
7 no monitor runs.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from glob import glob

from base.clock import boot_seconds
from base.exits import FAILED, GOOD, NOT_RUNNING, USAGE, Refused
from config.life_settings import is_manual
from operate import dependants, rolling, standalone
from operate.command_line import LOOK_EVERY, end, timeout_of
from operate.context import Place
from operate.drill import drill
from operate.order_progress import OrderProgress
from operate.rolling import Failure, Manner
from operate.stop_waves import waves
from operate.target import Target, post
from proc import identity
from state import lease, record
from state.paths import server_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


SAY_AFTER = 1.0
DOES_NOT_RUN = ("BACKOFF", "EXITED", "FATAL")
ELSEWHERE = "runs on "  # of lib/singleton.sh
NEVER_RAN = ("", "STOPPED", "UNKNOWN")


def carry_out(
    word: str,
    targets: list[Target],
    more: str,
    deadline: float,
    progress: OrderProgress,
    failure: Failure | None = None,
) -> int:
    """Give all orders, then wait for each outcome.  deadline: monotonic seconds.  Returns the worst status.

    failure: of a start, which we do not wait out.
    """
    given = [_say(target, partial(target.order, word, more), progress) for target in targets]
    ordered = [target for target, status in zip(targets, given) if status == GOOD]
    awaited = [_say(target, partial(_await, word, target, deadline, progress, failure), progress) for target in ordered]
    return max([GOOD, *given, *awaited])


def _say(target: Target, deed: Callable[[], str | None], progress: OrderProgress) -> int:
    """Do it, and print what it came to; None: that is not known yet."""
    try:
        text = deed()
    except Refused as refused:
        progress.done(target.server.shown)
        progress.say(f"{target.server.shown}: {refused}", is_error=True)
        return refused.status
    if text is not None:
        progress.done(target.server.shown)
    if text:
        progress.say(f"{target.server.shown}: {text}")
    return GOOD


def _await(word: str, target: Target, deadline: float, progress: OrderProgress, failure: Failure | None) -> str:
    """Wait for the answer, then until the order is carried out; return the message.  Raises Refused."""
    begun = time.monotonic()
    said = False
    while True:
        text = _outcome(word, target)
        if text is not None:
            return text
        rolling.refuse(target, failure)
        now = time.monotonic()
        known = target.known()
        if not target.is_watched():
            raise Refused(NOT_RUNNING, f"its monitor has ended; state {known['state'] or 'unknown'}")
        if now > deadline:
            raise Refused(
                FAILED, f"not yet, after {now - begun:.0f}s: state {known['state']}, {known['message'] or '-'}"
            )
        if not said and now > begun + SAY_AFTER:
            said = True
            progress.say(f"{target.server.shown}: waiting; {_so_far(known)}")
        progress.waits_for(target.server.shown)
        time.sleep(LOOK_EVERY)


def _so_far(known: dict[str, str]) -> str:
    pid = known["pid"] and f"pid {known['pid']}"
    return ", ".join(filter(None, (f"state {known['state']}", pid, known["message"])))


def _outcome(word: str, target: Target) -> str | None:
    """The message when the order is carried out; None: not yet.  Raises Refused when it has failed."""
    answer = target.answer()
    if answer is None:
        return None
    status, _, text = answer.partition(" ")
    if status != "0":
        raise Refused(int(status), text)
    if text:
        return text
    known = target.known()
    state = known["state"]
    if word in ("start", "restart", "resume"):
        if state == "FATAL":
            raise Refused(FAILED, f"gave up: {known['message']}")
        if state == "STANDBY" and known["message"].startswith(ELSEWHERE):
            return f"stands by: it {known['message']}"
        if state == "EXITED":
            raise Refused(FAILED, f"it has ended ({known['last_exit'] or 'unknown'}), and conf says to leave it alone")
        renewed = word != "restart" or (known["pid"], known["ticks"]) != (target.before["pid"], target.before["ticks"])
        return f"running, pid {known['pid']}{_old_end(target, known)}" if state == "RUNNING" and renewed else None
    if word == "stop":
        idle = "; it did not run" if target.before["state"] in DOES_NOT_RUN else ""
        took = _brackets(_took(target, known)[1])
        return f"stopped{took}{idle}{target.remark}" if state == "STOPPED" else None
    return {"pause": "paused", "clear": "past failures are forgotten", "signal": "signalled"}[word]


def _took(target: Target, known: dict[str, str]) -> tuple[str, str]:
    """The pid that the order has ended, and what that took beyond the first signal; "" if that was enough."""
    pid, _, took = known["took"].partition(" ")
    return (pid, took) if known["took"] != target.before["took"] else ("", "")


def _old_end(target: Target, known: dict[str, str]) -> str:
    pid, took = _took(target, known)
    return _brackets(took and f"pid {pid}: {took}")


def _brackets(text: str) -> str:
    return f" ({text})" if text else ""


def shutdown(place: Place, deadline: float) -> int:
    """End every monitor of this state directory; servers keep running.  deadline: monotonic seconds."""
    monitors = [run_dir for run_dir in place.run_dirs() if _told_to_end(run_dir)]
    if not monitors:
        raise Refused(NOT_RUNNING, f"no monitor runs with {place.state_dir}")
    with OrderProgress("shutdown", len(monitors)) as progress:
        for monitor in map(os.path.basename, monitors):
            while identity.look(int(monitor)):
                progress.waits_for(f"monitor {monitor}")
                if time.monotonic() > deadline:
                    progress.say(f"monitor {monitor} has not ended yet", is_error=True)
                    return FAILED
                time.sleep(LOOK_EVERY)
            progress.done(monitor)
            progress.say(f"monitor {monitor} has ended")
    return GOOD


def _tell_leases(place: Place) -> int:
    """Say when the singletons that live on will end.  The state tells it: conf may have changed."""
    for path in sorted(glob(f"{server_directory(place.state_dir, '*')}/lease")):
        directory = os.path.dirname(path)
        known = lease.read(directory, record.boot_id())
        if known:
            left = known.deadline - boot_seconds()
            print(f"{os.path.basename(directory)}: ends in {left:.0f} s unless a monitor comes")
    return GOOD


def _told_to_end(run_dir: str) -> bool:
    """Order the monitor to end; False if it is dead and its pid belongs to another process.  Raises Refused."""
    try:
        post(f"{run_dir}/mailbox", "quit 0\n")
    except Refused as refused:
        if refused.status != NOT_RUNNING:
            raise
        return False
    return True


def obey(
    word: str,
    targets: list[Target],
    more: str,
    deadline: float,
    progress: OrderProgress,
    failure: Failure | None = None,
) -> int:
    """Carry out one word on all targets; return the worst status.  deadline: monotonic seconds."""
    status = GOOD
    for wave in waves(word, targets):
        for target in wave:
            if not target.monitor:
                status = max(status, _say(target, partial(standalone.carry_out, word, target), progress))
            elif word == "drill":
                status = max(status, _say(target, partial(drill, target, deadline), progress))
        if word != "drill":
            watched = [target for target in wave if target.monitor]
            status = max(status, carry_out(word, watched, more, deadline, progress, failure))
    return status


def roll(word: str, targets: list[Target], manner: Manner, timeout: float) -> int:
    """Carry out restart or drill in this manner; return the exit status.  timeout: seconds, for each step."""

    def step(some: list[Target]) -> int:
        return obey(deed, some, "", time.monotonic() + timeout, progress, Failure())

    deed = "overlap" if manner.overlap else word
    with OrderProgress(word, len(targets)) as progress:
        return rolling.roll(targets, manner.at_once, step)


def parse(words: list[str]) -> tuple[str, list[str], str, float, Manner]:
    """Return the word, the names, the signal's name or "", the timeout in seconds, and the manner.  Raises Refused."""
    word, rest = words[0], words[1:]
    timeout, rest = timeout_of(rest)
    manner, rest = Manner.taken(word, rest)
    if manner.rolling:
        timeout, rest = timeout_of(rest) if rest[:1] == ["--timeout"] else (timeout, rest)
    more = ""
    if word == "signal":
        more, rest = signal_name(rest[0] if rest else ""), rest[1:]
    if word == "shutdown" and rest not in ([], ["--stop-servers"]):
        raise Refused(USAGE, f"shutdown takes --stop-servers and --timeout, not {' '.join(rest)}")
    if not rest and word != "shutdown":
        raise Refused(USAGE, f"{word} needs the name of a server, a glob, or all")
    return word, rest, more, timeout, manner


def signal_name(text: str) -> str:
    """HUP for `HUP`, `SIGHUP` or `1`.  Raises Refused."""
    import signal

    wanted = text.upper().removeprefix("SIG")
    for name, number in signal.Signals.__members__.items():
        if wanted in (name.removeprefix("SIG"), str(number.value)):
            return name.removeprefix("SIG")
    raise Refused(USAGE, f"signal: no such signal: {text or '(none given)'}")


def run(word: str, names: list[str], more: str, timeout: float, manner: Manner, place: Place) -> int:
    """Carry out a checked command line; return the exit status.  timeout: seconds.  Raises Refused, ConfError."""
    deadline = time.monotonic() + timeout
    if word == "shutdown":
        if names:
            place.require_owner("shutdown --stop-servers")
            if not place.run_dirs():
                return _halt(place)
        stopped = _stop_all(place, deadline) if names else GOOD
        return stopped or shutdown(place, deadline) or _tell_leases(place)
    targets = [Target(server, place.state_dir) for server in place.servers(names)]
    if word in ("start", "restart") and "all" in names:
        targets = [target for target in targets if target.name in names or not _awaits_order(target)]
    if word == "stop":
        needed = dependants.of(place, targets)
        for target in targets:
            target.remark = dependants.words(needed.get(target.name, []))
    if manner.rolling:
        return roll(word, targets, manner, timeout)
    with OrderProgress(word, len(targets)) as progress:
        return obey(word, targets, more, deadline, progress)


def _awaits_order(target: Target) -> bool:
    """Does it not run, and is it started only by an order that names it?"""
    return is_manual(target.server) and target.before["state"] in NEVER_RAN


def _stop_all(place: Place, deadline: float) -> int:
    """Stop all watched servers; the next monitor starts them again.  If one does not stop, the monitor goes on."""
    everything = [Target(server, place.state_dir) for server in place.servers(["all"])]
    targets = [target for target in everything if target.monitor]
    wanted = [(target, record.read_want(target.directory)) for target in targets]
    with OrderProgress("stop", len(targets)) as progress:
        status = obey("stop", targets, "", deadline, progress)
    if status == GOOD:
        for target, want in wanted:
            target.want(want)
    else:
        print("not all servers are stopped; the monitor goes on", file=sys.stderr)
    return status


def _halt(place: Place) -> int:
    """End all servers; no monitor runs, as when systemd stops our unit at a shutdown.  Raises Refused if none lives."""
    from operate.halt import halt
    from operate.look import Look

    servers = place.servers(["all"])
    living = Look(servers, place.state_dir).living
    targets = [Target(server, place.state_dir) for server in servers if living[server.name]]
    if not targets:
        raise Refused(NOT_RUNNING, f"no monitor runs with {place.state_dir}")
    return halt(waves("stop", targets))


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    return end(lambda: run(*parse(argv[4:]), Place(*argv[:4])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
