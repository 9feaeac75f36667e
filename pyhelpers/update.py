"""Read conf again: what would change, and have the monitors change just that.

    $ python3 -E -s pyhelpers/update.py ROOT CONF_DIR STATE_DIR CWD [--dry-run] [--timeout 60s]
    msg_server: restart (command changed)
    route_server: new, start
    old_server: stop, no longer in conf
    login_server: apply without restart (alert_on)

All of conf is checked first: one error, and nothing changes.  What changes is put beside the
monitor's settled conf, with the plan; then its mailbox gets one line.

Exit: 0 it is so (or nothing is to change) · 1 not all of it · 2 usage · 5 sysv_ipc is missing ·
6 conf is not in order · 7 no monitor runs.
"""

from __future__ import annotations

import os
import sys
import time

from base import files
from base.exits import FAILED, GOOD, NOT_RUNNING, USAGE, Refused
from config import accounts, heartbeat_library, settle, settled
from config.confdir import HALVES
from operate.command_line import LOOK_EVERY, end, timeout_of
from operate.context import Place
from operate.target import post
from proc import identity
from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.settle import Settled

# What a running process was started with; every other key is only the monitor's
RESTARTING = frozenset(
    "dir command user group umask environment nice oom_score_adj limit_nofile limit_core limit_memory "
    "no_new_privileges output sockets channels channel_type fd_passing".split()
)


class Plan:
    """What an update changes for one monitor: `doings` maps a server to (start, stop, restart or apply, why)."""

    def __init__(self, run_dir: str, found: Settled) -> None:
        self.run_dir = run_dir
        self.found = found
        self.text = found.text()
        before, after = dict(settled.read(f"{run_dir}/settled")), dict(found.groups())
        self.suite_changed = before.pop(settled.SUITE, {}) != after.pop(settled.SUITE, {})
        self.doings = {name: _doing(before.get(name), settings) for name, settings in after.items()}
        self.doings.update({name: ("stop", "no longer in conf") for name in before if name not in after})
        self.doings = {name: doing for name, doing in self.doings.items() if doing[0]}

    def lines(self) -> list[str]:
        """For a person."""
        lines = [_shown(name, deed, why) for name, (deed, why) in self.doings.items()]
        return lines + ["the suite's own settings: apply"] * self.suite_changed

    def hand_over(self) -> None:
        """Put it where the monitor finds it, and say so to it.  Raises Refused, OSError."""
        servers = [settled.policy(number, server) for number, server in enumerate(self.found.servers, 1)]
        plan = [f"{deed} {name}" for name, (deed, _) in self.doings.items()]
        plan.append(f"recovery_quiet {self.found.suite['recovery_quiet']}")
        files.replace(f"{self.run_dir}/settled.new", self.text)
        files.replace(f"{self.run_dir}/plan", "".join(f"{line}\n" for line in plan + servers))
        post(f"{self.run_dir}/mailbox", "update 0\n")

    def is_done(self) -> bool:
        """The monitor takes the plan away when it goes by the new conf."""
        return not os.path.exists(f"{self.run_dir}/plan")


def _shown(name: str, deed: str, why: str) -> str:
    if deed == "apply":
        return f"{name}: apply without restart ({why})"
    if deed == "restart":
        return f"{name}: restart ({why})"
    return f"{name}: new, start" if deed == "start" else f"{name}: stop, {why}"


def _doing(before: dict[str, str] | None, after: dict[str, str]) -> tuple[str, str]:
    """("", "") where nothing is to be done."""
    if before is None:
        return "start", ""
    derived = (heartbeat_library.HOME, accounts.IDS)
    changed = [key for key, value in after.items() if before.get(key) != value and key not in derived]
    if not changed:
        return "", ""
    restarting = [key for key in changed if key in RESTARTING or _is_told(key, before, after)]
    return ("restart", f"{_as_set(restarting)} changed") if restarting else ("apply", _as_set(changed))


def _as_set(changed: list[str]) -> str:
    """These settled values by the keys that conf sets them with."""
    keys = {half: key for key, halves in HALVES.items() for half in halves}
    return " ".join(dict.fromkeys(keys.get(value, value) for value in changed))


def _is_told(key: str, before: dict[str, str], after: dict[str, str]) -> bool:
    """Is it a heartbeat of the kind that a process must be told of when it is launched?"""
    return key == "heartbeat" and bool({"notify", "channel"} & {before.get(key), after[key]})


def await_all(plans: list[Plan], state_dir: str, deadline: float) -> int:
    """Wait until each monitor has taken its plan over and what is to run runs; the status."""
    while not all(plan.is_done() for plan in plans):
        if time.monotonic() > deadline or not all(_lives(plan) for plan in plans):
            print("the monitor has not taken the new conf over", file=sys.stderr)
            return FAILED
        time.sleep(LOOK_EVERY)
    wanted = [name for plan in plans for name, (deed, _) in plan.doings.items() if deed in ("start", "restart")]
    while wanted:
        wanted = [name for name in wanted if _state(state_dir, name) != "RUNNING"]
        if wanted and time.monotonic() > deadline:
            print(f"not RUNNING yet: {' '.join(wanted)}", file=sys.stderr)
            return FAILED
        time.sleep(LOOK_EVERY)
    return GOOD


def _lives(plan: Plan) -> bool:
    return identity.look(int(os.path.basename(plan.run_dir))) is not None


def _state(state_dir: str, name: str) -> str:
    try:
        return record.read(f"{state_dir}/servers/{name}").get("state", "")
    except record.Torn:
        return ""


def update(place: Place, words: list[str]) -> int:
    """All of it; the exit status.  Raises Refused, conf.ConfError."""
    timeout, words = timeout_of(words)
    if words not in ([], ["--dry-run"]):
        raise Refused(USAGE, f"update takes --dry-run and --timeout, not {' '.join(words)}")
    place.require_owner("update")
    faults = settle.check(place.conf_dir, place.root, place.cwd)
    if faults:
        raise settle.ConfError(faults)
    plans = [Plan(run_dir, _settle_again(run_dir, place)) for run_dir in place.run_dirs()]
    if not plans:
        raise Refused(NOT_RUNNING, f"no monitor runs with {place.state_dir}")
    plans = [plan for plan in plans if plan.doings or plan.suite_changed]
    print("\n".join(line for plan in plans for line in plan.lines()) or "nothing changes", flush=True)
    if words or not plans:
        return GOOD
    for plan in plans:
        plan.hand_over()
    return await_all(plans, place.state_dir, time.monotonic() + timeout)


def _settle_again(run_dir: str, place: Place) -> Settled:
    """What the monitor was asked for, by the conf of now; a server that is gone from it is left out."""
    with open(f"{run_dir}/asked", encoding="utf-8", errors="surrogateescape") as source:
        cwd, *words = source.read().split("\n")[:-1]
    known = set(os.listdir(f"{place.conf_dir}/servers"))
    kept = [word for word in words if word == "all" or {f"{word}.conf", f"{word.partition('@')[0]}.conf"} & known]
    found = settle.settle(place.conf_dir, place.root, cwd, kept, watched=True)
    heartbeat_library.find(place.conf_dir, found)
    accounts.find(found)
    return found


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    os.umask(0o077)
    return end(lambda: update(Place(*argv[:4]), argv[4:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
