"""Read conf again, print what changes, and have the monitors change only that.

    $ python3 -E -s pyhelpers/update.py ROOT CONF_DIR STATE_DIR CWD [--dry-run] [--timeout 60s]
    msg_server: restart (command changed)
    route_server: new, start
    old_server: stop, no longer in conf
    login_server: apply without restart (alert_on)

It checks all of conf first; after a single error nothing changes.  It writes the new settled conf and
the plan into the monitor's directory, then one line into its mailbox.

Exit: 0 done (or nothing changes) · 1 not completely done · 2 usage · 5 sysv_ipc is missing ·
6 conf is not in order · 7 no monitor runs.
"""

from __future__ import annotations

import os
import sys
import time

from base import files
from base.exits import FAILED, GOOD, NOT_RUNNING, USAGE, Refused
from config import accounts, clean_environment, confdir, heartbeat_library, keys, settle, settled
from config.confdir import HALVES
from config.server_settings import MANUAL
from loop.terminate import could_not_end
from operate import private_files
from operate.command_line import LOOK_EVERY, end, timeout_of
from operate.context import Place
from operate.order_progress import OrderProgress
from operate.target import post
from proc import controllers, drift, evidence, identity
from proc.server import servers_of
from state import namesakes, record
from state.namesakes import DIR_FROM, KEPT_IN
from state.paths import server_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.keys import Values
    from config.settle import Settled
    from proc.server import Server

STARTING = ("start", "restart")
# Settled values that are no keys of conf: paths, whose change does not change a server
NO_KEYS = (
    *(accounts.IDS, clean_environment.LOGIN, heartbeat_library.HOME, "conf_file", KEPT_IN, DIR_FROM),
    *("env_file_at", "secrets_at", "instance_of"),
)

ENDING = ("stop", "restart")  # what to do with a server that ends its process


class Plan:
    """The changes for one monitor: `doings` maps a server to (start, stop, restart or apply; the reason)."""

    def __init__(self, run_dir: str, found: Settled, state_dir: str) -> None:
        self.run_dir = run_dir
        self.found = found
        self.text = found.text()
        before, after = dict(settled.read(f"{run_dir}/settled")), dict(found.groups())
        suites = before.pop(settled.SUITE, {}), after.pop(settled.SUITE, {})
        self.kept_in = {name: settings.get(KEPT_IN, name) for name, settings in {**after, **before}.items()}
        self.others_moved = len({suite.pop("directories", "") for suite in suites}) > 1
        self.suite_changed = suites[0] != suites[1]
        self.doings = {name: _doing(before.get(name), settings) for name, settings in after.items()}
        for server in servers_of(after.items())[1]:
            why = _drift(server, state_dir) if self.doings[server.name][0] == "apply" else ""
            if why:
                self.doings[server.name] = "restart", f"{self.doings[server.name][1]} changed; {why}"
            elif "private" in server.launch.settings and self.doings[server.name][0] in ("", "apply"):
                self._see_private_files(server, server_directory(state_dir, server.kept_in))
        self.doings.update({name: ("stop", "no longer in conf") for name in before if name not in after})
        self.doings = {name: doing for name, doing in self.doings.items() if doing[0]}
        self.to_end: dict[str, dict[str, str]] = {}  # the records, before the update, of those that it is to end

    def _see_private_files(self, server: Server, directory: str) -> None:
        """Restart a server whose env files or secrets say something else than at its launch."""
        why = private_files.change(server, directory)
        if why:
            _, applied = self.doings[server.name]
            self.doings[server.name] = "restart", "; ".join(filter(None, (applied and f"{applied} changed", why)))

    def lines(self) -> list[str]:
        """The plan as lines for a person."""
        lines = [_shown(name, deed, why) for name, (deed, why) in self.doings.items()]
        lines += ["the suite's own settings: apply"] * self.suite_changed
        return lines + ["the directories of servers that it does not watch: apply"] * self.others_moved

    def to_start(self) -> list[Values]:
        """The servers that it starts, or starts anew."""
        return [server for server in self.found.servers if self.doings.get(server["name"], ("", ""))[0] in STARTING]

    def hand_over(self, state_dir: str) -> None:
        """Write the plan into the monitor's directory, and inform the monitor.  Raises Refused, OSError."""
        ending = [name for name, (deed, _) in self.doings.items() if deed in ENDING]
        self.to_end = {name: _record(state_dir, self.kept_in[name]) for name in ending}
        servers: list[str] = []
        for number, server in enumerate(self.found.servers, 1):
            servers += [settled.policy(number, server), *settled.place(number, server)]
        plan = [f"{deed} {name}" for name, (deed, _) in self.doings.items()]
        plan.append(f"recovery_quiet {self.found.suite['recovery_quiet']}")
        files.replace(f"{self.run_dir}/settled.new", self.text)
        files.replace(f"{self.run_dir}/plan", "".join(f"{line}\n" for line in plan + servers))
        post(f"{self.run_dir}/mailbox", "update 0\n")

    def not_ended(self) -> list[str]:
        """A line for each server that the update should have ended, but that lives."""
        known = [(name, known) for name, known in self.to_end.items() if known.get("pid")]
        found = [(name, identity.look(int(of["pid"])), of["ticks"]) for name, of in known]
        return [f"{name}: {could_not_end(it.pid)}" for name, it, ticks in found if it and str(it.ticks) == ticks]

    def is_done(self) -> bool:
        """Has the monitor taken over the new conf?  It then removes the plan."""
        return not os.path.exists(f"{self.run_dir}/plan")


def _drift(server: Server, state_dir: str) -> str:
    """Why the new settings no longer describe its process; "" if they do, or if none runs."""
    known = _record(state_dir, server.kept_in)
    process = evidence.recorded(known, record.boot_id())
    return drift.objection(known, process, server) if process else ""


def _shown(name: str, deed: str, why: str) -> str:
    if deed == "apply":
        return f"{name}: apply without restart ({why})"
    if deed == "restart":
        return f"{name}: restart ({why})"
    if deed == "start":
        return f"{name}: new, start{why and f' {why}'}"
    return f"{name}: stop, {why}"


def _doing(before: dict[str, str] | None, after: dict[str, str]) -> tuple[str, str]:
    """What to do with a server whose settings changed from before to after, and why; ("", "") if nothing."""
    if before is None:
        return "start", "by order only" if after.get("start") == MANUAL else ""
    changed = [key for key, value in after.items() if before.get(key) != value and key not in NO_KEYS]
    if not changed:
        return "", ""
    restarting = [key for key in changed if _needs_restart(key, before, after)]
    return ("restart", f"{_as_set(restarting)} changed") if restarting else ("apply", _as_set(changed))


def _as_set(changed: list[str]) -> str:
    """The conf keys that set these settled values."""
    whole = {half: key for key, halves in HALVES.items() for half in halves}
    return " ".join(dict.fromkeys(whole.get(value, value) for value in changed))


def _needs_restart(key: str, before: dict[str, str], after: dict[str, str]) -> bool:
    """Does a change of this key require a restart of the process?"""
    how = keys.SERVER[key][2] if key in keys.SERVER else keys.APPLY
    told = bool({"notify", "channel"} & {before.get(key), after[key]})
    return how == keys.RESTART or (how == keys.TOLD and told)


def await_all(plans: list[Plan], state_dir: str, deadline: float) -> int:
    """Wait until each monitor has taken over its plan and the started servers are RUNNING; return the exit status.

    A server that is stopped or paused by order stays so.  Report the servers that could not be ended.
    deadline: monotonic seconds.
    """
    to_start = [server for plan in plans for server in plan.to_start()]
    with OrderProgress("update", len(to_start)) as progress:
        why = _await_monitors(plans, deadline, progress) or _await_servers(to_start, state_dir, deadline, progress)
    not_ended = [] if why else [line for plan in plans for line in plan.not_ended()]
    if why or not_ended:
        print(why or "\n".join(not_ended), file=sys.stderr)
    return FAILED if why or not_ended else GOOD


def _await_monitors(plans: list[Plan], deadline: float, progress: OrderProgress) -> str:
    """Wait until each monitor has taken its plan over; return why one has not, or ""."""
    while not all(plan.is_done() for plan in plans):
        if time.monotonic() > deadline or not all(_lives(plan) for plan in plans):
            return "the monitor has not taken the new conf over"
        progress.waits_for("the monitor")
        time.sleep(LOOK_EVERY)
    return ""


def _await_servers(waiting: list[Values], state_dir: str, deadline: float, progress: OrderProgress) -> str:
    """Wait until each server that is to run is RUNNING; return which are not, or ""."""
    while True:
        over = [_is_over(state_dir, server) for server in waiting]
        for server in (server for server, is_over in zip(waiting, over) if is_over):
            progress.done(server["name"])
        waiting = [server for server, is_over in zip(waiting, over) if not is_over]
        if not waiting:
            return ""
        if time.monotonic() > deadline:
            return f"not RUNNING yet: {' '.join(server['name'] for server in waiting)}"
        progress.waits_for(waiting[0]["name"])
        time.sleep(LOOK_EVERY)


def _is_over(state_dir: str, server: Values) -> bool:
    """Has it started, or is it not to run by an order?"""
    return _has_started(state_dir, server) or record.read_want(server_directory(state_dir, server[KEPT_IN])) != "up"


def _lives(plan: Plan) -> bool:
    return identity.look(int(os.path.basename(plan.run_dir))) is not None


def _has_started(state_dir: str, server: Values) -> bool:
    """Is it RUNNING, or on another machine?  One that is started by order only may also rest."""
    state = _record(state_dir, server[KEPT_IN]).get("state", "")
    return state in ("RUNNING", "STANDBY") or (state == "STOPPED" and server["start"] == MANUAL)


def _record(state_dir: str, kept_in: str) -> dict[str, str]:
    try:
        return record.read(server_directory(state_dir, kept_in))
    except record.Torn:
        return {}


def update(place: Place, words: list[str]) -> int:
    """Carry out the command line; return the exit status.  Raises Refused, settle.ConfError."""
    timeout, words = timeout_of(words)
    if words not in ([], ["--dry-run"]):
        raise Refused(USAGE, f"update takes --dry-run and --timeout, not {' '.join(words)}")
    place.require_owner("update")
    faults = settle.check(place.conf_dir, place.root, place.cwd)
    if faults:
        raise settle.ConfError(faults)
    plans = [Plan(run_dir, _settle_again(run_dir, place), place.state_dir) for run_dir in place.run_dirs()]
    if not plans:
        raise Refused(NOT_RUNNING, f"no monitor runs with {place.state_dir}")
    plans = [plan for plan in plans if plan.lines()]
    print("\n".join(line for plan in plans for line in plan.lines()) or "nothing changes", flush=True)
    if words or not plans:
        return GOOD
    for plan in plans:
        plan.hand_over(place.state_dir)
    return await_all(plans, place.state_dir, time.monotonic() + timeout)


def _settle_again(run_dir: str, place: Place) -> Settled:
    """Settle the words of the monitor's command line with the present conf, without servers that conf no longer has."""
    with open(f"{run_dir}/asked", encoding="utf-8", errors="surrogateescape") as source:
        cwd, *words = source.read().split("\n")[:-1]
    reading = confdir.ConfDir(place.conf_dir, place.root, cwd)
    kept = [word for word in words if word == "all" or reading.has(word)]
    found = settle.settle(place.conf_dir, place.root, cwd, kept, watched=True)
    faults = controllers.objections(found.servers)
    if faults:
        raise settle.ConfError(faults)
    heartbeat_library.find(found)
    accounts.find(found)
    faults = private_files.faults(found)
    if faults:
        raise settle.ConfError(faults)
    namesakes.find(found, place.state_dir, claim=True)
    if os.path.exists(f"{run_dir}/foreground"):  # lib/ending.sh
        from state import small_disk

        small_disk.fit(found, place.state_dir)
    return found


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    os.umask(0o077)
    return end(lambda: update(Place(*argv[:4]), argv[4:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
