"""Stop and start a server that no monitor watches: by its conf and its identity, as a monitor would."""

from __future__ import annotations

import fcntl
import os

from base.exits import FAILED, NOT_RUNNING, Refused
from loop import descendants
from loop.batched_scan import Walk
from loop.leftovers import Dead, end_leftovers
from loop.loop import Loop
from loop.terminate import Ending
from operate import standalone_start
from operate.look import Look
from proc import identity, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Host
    from operate.target import Target
    from proc.server import Server

NEED_A_MONITOR = ("pause", "resume", "clear", "signal", "drill")


SAY_AFTER_MS = 1000


def end_unwatched(target: Target) -> str:
    """Stop a server that nobody watches; what to say.  Raises Refused."""
    server = target.server
    living = Look([server], target.state_dir).living[server.name]
    if not living:
        return "stopped"
    process, source = living
    known = target.known()
    if known["pid"] == str(process.pid) and known["ticks"] == str(process.ticks):
        server.invocation, made = known["invocation"], int(known["sid"] or 0)
    else:
        made = 0
    server.is_now(process, source, "adopted", made)
    server.owner = identity.real_uid(process.pid)
    stuck = end_now(server, process)
    if stuck:
        raise Refused(FAILED, f"pid {process.pid} could not be ended: stuck in the kernel, or not yours to signal")
    return f"stopped (pid {process.pid}; nobody watches)"


def end_now(server: Server, process: identity.Process) -> list[int]:
    """End it and what it leaves behind, by its stop sequence; pids that are still there."""
    loop = Loop()
    stuck: list[int] = []
    host: Host = Alone(loop)  # type: ignore[assignment]
    descendants.remember(host, server)
    dead = Dead(server)
    host.leftovers = Walk(loop, lambda _: scan.left({server.number: dead}, {os.getpid()}))  # type: ignore[misc]

    def ended(left: list[int]) -> None:
        stuck.extend(left)
        end_leftovers(host, server, dead, finished)

    def finished() -> None:
        loop.ended = True

    waits = f"{server.name}: waiting; state STOPPING, pid {process.pid}"
    loop.after(SAY_AFTER_MS, lambda: print(waits, flush=True))
    Ending(loop, [(process.pid, process.ticks)], server.stop, ended)
    loop.run()
    return stuck


class Alone:
    """As much of a watcher as ending leftovers takes, where nobody watches: no orphans come to us."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.shared: dict[str, object] = {}
        self.followed: tuple[int, ...] = ()
        self.leftovers: Walk

    def orphans(self, sid: int = 0) -> list[identity.Process]:
        """None."""
        return []


def start_unwatched(target: Target) -> str:
    """Start a server that nobody watches; what to say.  Raises Refused."""
    process = Look([target.server], target.state_dir).living[target.name]
    if process:
        return f"running, pid {process[0].pid} (nobody watches)"
    return standalone_start.start(target.server, target.state_dir) + "; nobody watches it"


def carry_out(word: str, target: Target) -> str:
    """Carry out an order without a monitor; what to say.  Raises Refused."""
    if word in NEED_A_MONITOR:
        raise Refused(NOT_RUNNING, f"no monitor watches it, and {word} needs one; run ./monitor.sh {target.name}")
    target.want("down" if word == "stop" else "up")
    turn = _take_turn(target)
    try:
        text = "" if word == "start" else end_unwatched(target)
        return text if word == "stop" else start_unwatched(target)
    finally:
        os.close(turn)


def _take_turn(target: Target) -> int:
    """One operator at a time, or two would start two; the descriptor to be closed at the end."""
    turn = os.open(f"{target.directory}/turn", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    fcntl.flock(turn, fcntl.LOCK_EX)
    return turn
