"""All figures beside those of the peers that are installed, in one run: for README, and to see who leads by how much.

    restart   from SIGKILL to the first instruction of the next process, p50 of the kills of a run
    forking   the same for a server that forks by itself, as a daemon does
    start     from the command that begins until the last server runs
    burst     all servers are killed at once: until the last one is back
    wakeups, cpu   what the keeper spends while nothing happens; sums of a minute
    memory    PSS of all processes but the servers
    status    of our own word, for all servers

A figure is the median of the runs.  In each run the order is another one.  The servers are linked statically if that is
possible: then they share no memory with the keeper.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benches.figures import machine, today
from benches.keeping import ROOT
from benches.measures import Kept, become_subreaper, many, restarts
from benches.peers import FLOOR, PEERS, Peer
from benches.ratios import About, Figures, markdown, record

MINUTE = 60.0  # seconds, for the rows of an idle time


class Plan(NamedTuple):
    """What is measured.  kills: a run; seconds: of an idle time."""

    runs: int
    sizes: list[int]
    kills: int
    seconds: int
    seed: int


def table(scratch: Path, plan: Plan, out: str) -> None:
    """Measure all, print the table, and write the file out, if it has a name."""
    become_subreaper()
    _link_statically(scratch)
    here = [peer for peer in PEERS if not peer.missing()]
    known = about(plan, here)
    sizes = [size for size in plan.sizes if _has_room(size)]
    dice = random.Random(plan.seed)
    figures: Figures = {}
    for number in range(plan.runs):
        _say(f"run {number + 1} of {plan.runs}")
        _one_run(scratch, plan, here, sizes, figures, dice)
        if out:  # after each: an hour's work is not lost with the last figure
            Path(out).write_text(record(figures, known), encoding="utf-8")
    for key, value in known.items():
        print(f"{key}: {', '.join(value) if isinstance(value, list) else value}")
    print(f"\n{markdown(figures, [peer.name for peer in here])}", end="")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def about(plan: Plan, here: Sequence[Peer]) -> About:
    """What a reader of the figures must know: when, where, of what, and who is missing."""
    missing = [f"{peer.name} ({peer.missing()})" for peer in PEERS if peer.missing()]
    return {
        "date": today(),
        "machine": machine(),
        "versions": [f"{peer.name} {peer.says()}" for peer in here if peer.name != FLOOR],
        "not installed": missing or ["none"],
        "runs": plan.runs,
        "kills": plan.kills,
        "idle seconds": plan.seconds,
        "seed": plan.seed,
    }


def _link_statically(scratch: Path) -> None:
    source, program = ROOT / "test/fixtures/stamp.c", scratch / "stamp"
    words = ["cc", "-O2", "-static", "-o", str(program), str(source)]
    subprocess.run(words, check=False, stderr=subprocess.DEVNULL)  # without a static C library the other one stays


def _has_room(size: int) -> bool:
    """May so many servers run, each with a program that keeps it?  Says so if not."""
    wanted = 2 * size + 200
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    limits = [int(Path(f"/proc/sys/kernel/{name}").read_text()) for name in ("pid_max", "threads-max")]
    limits += [soft] if soft != resource.RLIM_INFINITY and os.geteuid() != 0 else []
    room = min(limits) - sum(name.isdigit() for name in os.listdir("/proc"))
    if wanted > room:
        _say(f"{size} servers are left out: they need {wanted} processes, and this machine has room for {room}")
    return wanted <= room


def _one_run(
    scratch: Path, plan: Plan, here: Sequence[Peer], sizes: Sequence[int], figures: Figures, dice: random.Random
) -> None:
    for key, forking in (("restart", False), ("forking", True)):
        _say(f"{key}: {plan.kills} kills")
        for name, value in _restarts(scratch, plan.kills, here, forking, dice).items():
            figures.setdefault((key, 1), {}).setdefault(name, []).append(value)
    turns = [(peer, size) for peer in here for size in sizes if size <= peer.most]
    for peer, size in dice.sample(turns, len(turns)):
        _say(f"{peer.name}: {size} servers")
        try:
            found = many(peer, scratch, size, plan.seconds)
        except TimeoutError as late:
            _say(str(late))
            continue
        for key, value in found.items():
            if key in ("wakeups", "cpu"):
                value *= MINUTE / plan.seconds
            figures.setdefault((key, size), {}).setdefault(peer.name, []).append(value)


def _restarts(scratch: Path, kills: int, here: Sequence[Peer], forking: bool, dice: random.Random) -> dict[str, float]:
    able = [peer for peer in here if (peer.forks is not None if forking else not peer.forks_only)]
    with ExitStack() as stack:
        kept = []
        for peer in able:
            lacks = peer.missing(forking)
            if lacks:
                _say(f"{peer.name} is left out here: {lacks} is not installed")
                continue
            try:
                kept.append(stack.enter_context(Kept.up(peer, scratch, 1, forking)))
            except TimeoutError as late:
                _say(str(late))
        return restarts(kept, kills, dice)
