"""Stop and start a server that no monitor watches, by its conf and its identity, as a monitor would."""

from __future__ import annotations

import sys

from base.exits import FAILED, NOT_RUNNING, Refused
from config.life_settings import asked
from loop import cgroups, descendants
from loop.leftovers import Dead, end_leftovers, whole_end
from loop.terminate import Ending, could_not_end
from operate import ended_record, standalone_start
from operate.alone import Alone
from operate.look import Look
from proc import identity
from state import record
from watch import around, stop_command
from watch.life_command import LifeCommand, told_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.target import Target
    from proc.server import Server

NEED_A_MONITOR = ("pause", "resume", "clear", "signal", "reload", "drill", "overlap")


SAY_AFTER_MS = 1000


def end_unwatched(target: Target) -> tuple[int, str]:
    """Stop a server that no monitor watches.  Raises Refused.

    Returns its pid, 0 if it did not run, and what that took beyond the first signal.
    """
    server = target.server
    if "private" in server.launch.settings:
        server.launch.settings["private"] = target.directory
    end_second(target)
    look = Look([server], target.state_dir)
    pid, took = end_former(target, look)
    living = look.living[server.kept_in]
    if living:
        pid, took = living[0].pid, _end_process(target, *living)
    elif not pid:
        took = end_left(server, look.dead_of(server), target.state_dir)
    _withdraw(target)
    ended_record.forget(target)
    return pid, took


def end_second(target: Target) -> None:
    """End the second process that its record names, if its monitor ended during an overlap.  Raises Refused."""
    known = target.known()
    if not known["beside"] or known["boot"] != record.boot_id():
        return
    from watch import parting

    server = target.server
    dead, _ = parting.noted(server, known["beside"])
    host = Alone(server, target.state_dir)
    host.dead = dead
    stuck: list[int] = []

    def all_over(left: list[int]) -> None:
        stuck.extend(left)
        host.finish()

    who = [(dead.pid, dead.ticks)] if dead.pid else []
    Ending(host.loop, who, server.stop, lambda left: end_leftovers(host, server, dead, all_over))
    host.loop.run()
    _require_end(stuck)


def _withdraw(target: Target) -> None:
    """Take its secrets away, if it has any."""
    if "secrets" in target.server.launch.settings:
        from spawn import credentials

        remark = credentials.remove(target.directory, credentials.run_of(target.directory))
        if remark:
            print(f"{target.server.shown}: {remark}", file=sys.stderr)


def end_former(target: Target, look: Look) -> tuple[int, str]:
    """End the recorded process if conf no longer describes it.  Raises Refused.

    A new one beside it would be a second copy.  Returns its pid, or 0, and what that took beyond the first signal.
    """
    process, words = look.drifted.get(target.server.kept_in, (None, ""))
    if not process:
        return 0, ""
    print(f"{target.server.shown}: {words}; it is ended", flush=True)
    return process.pid, _end_process(target, process, "own")


def _end_process(target: Target, process: identity.Process, source: str) -> str:
    server, known, made = target.server, target.known(), 0
    if known["pid"] == str(process.pid) and known["ticks"] == str(process.ticks):
        server.invocation, server.cgroup = known["invocation"], known["cgroup"]
        made = int(known["sid"] or 0)
    server.is_now(process, source, "adopted", made)
    server.owner = identity.real_uid(process.pid)
    took = end_now(server, process, target.state_dir)
    server.pid = server.ticks = 0
    if asked(server, "stop_post"):
        _run_stop_post(server, process.pid, target.state_dir)
    return took


def _run_stop_post(server: Server, pid: int, state_dir: str) -> None:
    """The process pid and what it left behind have ended: run stop_post, and report if it fails."""
    host = Alone(server, state_dir)

    def ran(why: str, text: str) -> None:
        if why:
            host.say(server, f"stop_post failed: {told_of(why, text)}")
        host.finish()

    told = {"MONITOR_CAUSE": around.BY_ORDER, "MONITOR_PID": str(pid)}
    LifeCommand(host, server, "stop_post", asked(server, "stop_post"), around.LIMIT_MS, told, ran)
    host.loop.run()


def end_now(server: Server, process: identity.Process, state_dir: str) -> str:
    """End the server by its stop sequence, then what it leaves behind.

    If the server itself outlives the signals, what descends from it is left to it.
    Returns what that took beyond the first signal.  Raises Refused: a process is still there.
    """
    host = Alone(server, state_dir)
    stuck: list[int] = []
    descendants.remember(host, server)
    dead = host.dead = Dead(server)

    def all_over(left: list[int]) -> None:
        stuck.extend(left)
        host.finish()

    def ended(left: list[int]) -> None:
        if left:
            all_over(left)
        else:
            end_leftovers(host, server, dead, all_over)

    waits = f"{server.shown}: waiting; state STOPPING, pid {process.pid}"
    host.loop.after(SAY_AFTER_MS, lambda: print(waits, flush=True))
    who = [(process.pid, process.ticks)]
    if asked(server, "stop_command"):
        ending = stop_command.begin(host, server, who, ended, reap=True)
    else:
        ending = Ending(host.loop, who, server.stop, ended)
    its_cgroup = dead.cgroup  # forgotten when all of it has ended
    host.loop.run()
    cgroups.remove_now(its_cgroup)
    _require_end(stuck)
    return whole_end(ending.took, dead)


def end_left(server: Server, dead: Dead | None, state_dir: str) -> str:
    """End what the dead process left behind; return what that took beyond the first signal.  Raises Refused."""
    if not dead:
        return ""
    host = Alone(server, state_dir)
    host.dead = dead
    stuck: list[int] = []

    def all_over(left: list[int]) -> None:
        stuck.extend(left)
        host.finish()

    its_cgroup = dead.cgroup
    end_leftovers(host, server, dead, all_over)
    host.loop.run()
    cgroups.remove_now(its_cgroup)
    _require_end(stuck)
    return whole_end("", dead)


def _require_end(stuck: list[int]) -> None:
    if stuck:
        raise Refused(FAILED, could_not_end(stuck[0], "yours"))


def start_unwatched(target: Target) -> str:
    """Start a server that no monitor watches; return the message.  Raises Refused."""
    look = Look([target.server], target.state_dir)
    end_former(target, look)
    process = look.living[target.server.kept_in]
    if process:
        return f"running, pid {process[0].pid} (no monitor watches it)"
    return standalone_start.start(target) + "; no monitor watches it"


def carry_out(word: str, target: Target) -> str | None:
    """Carry out an order without a monitor; return the message.  Raises Refused.

    None: a monitor has begun to watch it meanwhile, and has to get the order.
    """
    if word in NEED_A_MONITOR:
        raise Refused(NOT_RUNNING, f"no monitor watches it, and {word} needs one; run ./monitor.sh {target.name}")
    target.want("down" if word == "stop" else "up")
    target.take_turn()
    if target.monitor:
        return None
    try:
        pid, took = (0, "") if word == "start" else end_unwatched(target)
        if word == "stop":
            return stopped(pid, took) + target.remark
        return start_unwatched(target) + (took and f"; pid {pid}: {took}")
    finally:
        target.end_turn()


def stopped(pid: int, took: str) -> str:
    """The message for what end_unwatched() returned."""
    how = ", ".join(filter(None, (f"pid {pid}" if pid else "", took)))
    return f"stopped ({how}; no monitor watches it)" if how else "stopped"
