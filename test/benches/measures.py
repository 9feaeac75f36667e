"""How a figure of the table is measured: one program that keeps servers up, for a while.

with Kept.up(peer, scratch, 100) as kept:
    kept.memory(), kept.idle(60), kept.burst()
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from benches.figures import median
from benches.keeping import ROOT, Run
from benches.peers import OURS, Peer, pidfile
from benches.spending import children, cost_of_threads, pss

PAST_THROTTLES = 1.6  # seconds that a server has run when it is killed
SETTLED = 5.0  # seconds after a start in which a keeper still has work
PATIENCE = 120.0  # seconds; what takes longer is no figure
PR_SET_CHILD_SUBREAPER = 36  # prctl.h


def become_subreaper() -> None:
    """Make those our children whose parent ends: process 1 may be slow to reap them, and a zombie looks alive."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


class Kept(Run):
    """Servers that one of PEERS keeps up."""

    def __init__(self, peer: Peer, scratch: Path, number: int, forking: bool) -> None:
        super().__init__(peer.name, scratch, number)
        self._peer = peer
        self._dying: list[int] = []
        self.patience = PATIENCE
        self.launches = number <= peer.launches
        if forking:
            for name, command in self.commands.items():
                command += ["-d", str(pidfile(self, name))]

    @staticmethod
    @contextlib.contextmanager
    def up(peer: Peer, scratch: Path, number: int, forking: bool = False) -> Iterator[Kept]:
        """It keeps so many servers up, which fork by themselves if that is said.  Raises TimeoutError."""
        kept = Kept(peer, scratch, number, forking or peer.forks_only)
        try:
            if not kept.launches:
                for command in kept.commands.values():  # it finds them there
                    subprocess.run(command, check=True)
            kept.start(peer.command(kept, peer.words(kept, forking or peer.forks_only)))
            yield kept
        finally:
            kept.end()

    def rest(self) -> None:
        """Between two looks of a wait: reap what is our child."""
        for pid in self._dying:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        super().rest()

    def kill(self, names: list[str]) -> list[float]:
        """As Run has it."""
        last = self.last()
        self._dying = [last[name][0] for name in names]
        return super().kill(names)

    def family(self) -> list[int]:
        """The pids of the keeper and of all below it that are no servers, parents first."""
        assert self.process
        servers = {pid for pid, _ in self.last().values()}
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(FileNotFoundError):
                found += [child for child in children(pid) if child not in servers]
        return found

    def end(self) -> None:
        """The keeper and its own, then the servers.  Ours ends by itself; others leave a program a server behind."""
        family = self.family() if self.process and self._peer.name != OURS else []
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        super().end()
        for pid in [*family[1:], *(pid for pid, _ in self.last().values())]:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)

    # -- figures ---------------------------------------------------------------------------------

    def start_seconds(self) -> float:
        """From its first instruction to that of the last server."""
        return (max(at for _, at in self.last().values()) - self.began) / 1e9

    def memory(self) -> float:
        """MiB of PSS, of all but the servers."""
        return sum(map(pss, self.family())) / 1024

    def idle(self, seconds: float) -> tuple[float, float]:
        """Wakeups, and CPU in ms, of all but the servers, in that time."""
        before = _costs(self.family())
        time.sleep(seconds)
        now = _costs(before)
        cpu, woken = (sum(now[pid][which] - before[pid][which] for pid in now) for which in (0, 1))
        return float(woken), cpu / 1e6

    def burst_seconds(self) -> float:
        """All are killed at once: until the last is back."""
        return max(self.kill(self.ids)) / 1e3

    def status_seconds(self) -> float:
        """Of `monitor.sh status` for all of them."""
        words = [str(ROOT / "monitor.sh"), "-c", str(self.scratch / "conf"), "-s", str(self.scratch / "state")]
        times = []
        for _ in range(5):
            began = time.monotonic()
            subprocess.run([*words, "status"], check=True, stdout=subprocess.DEVNULL)
            times.append(time.monotonic() - began)
        return median(times)


def _costs(pids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """As of spending.cost_of_threads(), of each that has not ended."""
    found = {}
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found[pid] = cost_of_threads(pid)
    return found


def restarts(kept: list[Kept], kills: int, dice: random.Random) -> dict[str, float]:
    """The p50 of each in ms, by name: rounds over all of them, so that a noisy moment meets each alike.

    One that is not back within PATIENCE counts as if it had taken so long.
    """
    times: dict[str, list[float]] = {run.name: [] for run in kept}
    for _ in range(kills):
        time.sleep(PAST_THROTTLES)
        for run in dice.sample(kept, len(kept)):
            try:
                times[run.name] += run.kill(run.ids)
            except TimeoutError:
                times[run.name].append(PATIENCE * 1e3)
    return {name: median(found) for name, found in times.items()}


def many(peer: Peer, scratch: Path, number: int, seconds: float) -> dict[str, float]:
    """All that is measured of so many servers, by the key of its row."""
    with Kept.up(peer, scratch, number) as kept:
        found = {"start": kept.start_seconds()} if kept.launches else {}
        time.sleep(PAST_THROTTLES if number == 1 else max(PAST_THROTTLES, min(SETTLED, seconds)))
        found["memory"] = kept.memory()
        if number > 1:
            found["wakeups"], found["cpu"] = kept.idle(seconds)
        if peer.name == OURS:
            found["status"] = kept.status_seconds()
        if number > 1 and kept.launches:
            found["burst"] = kept.burst_seconds()
        return found
