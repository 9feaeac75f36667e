"""What does a process spend: CPU, wakeups, memory?  Source: proc(5)."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from benches.keeping import Run


def spend(keepers: list[subprocess.Popen[bytes]], seconds: int, number: int) -> None:
    """Print what each keeper spends in that time, with its own children; all in the same seconds."""
    families = [[keeper.pid, *children(keeper.pid)] for keeper in keepers]
    before = [[cost(pid) for pid in family] for family in families]
    time.sleep(seconds)
    for family, old in zip(families, before):
        spent = [tuple(b - a for a, b in zip(start, cost(pid))) for start, pid in zip(old, family)]
        memory = sum(pss(pid) for pid in family)
        name = Path(f"/proc/{family[0]}/cmdline").read_bytes().split(b"\0")[:2]
        print(
            f"{b' '.join(name).decode()}: {number} servers, {seconds} s: {sum(s[0] for s in spent) / 1e6:.1f} ms CPU, "
            f"{sum(s[1] for s in spent)} wakeups, {len(family)} processes, PSS {memory / 1024:.1f} MiB"
        )


def spend_each(run: Run, seconds: int) -> None:
    """Print what each process of that monitor spends in that time, but for its servers."""
    assert run.process
    servers = {pid for pid, _ in run.last().values()}
    family, found = [run.process.pid], [run.process.pid]
    while found:
        found = [child for pid in found for child in children(pid) if child not in servers]
        family += found
    before = [cost_of_threads(pid) for pid in family]
    time.sleep(seconds)
    for pid, (cpu, wakeups) in zip(family, before):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        name = next(os.path.basename(word) for word in words if word.endswith((".py", ".sh")))
        used, woken = (now - then for now, then in zip(cost_of_threads(pid), (cpu, wakeups)))
        print(f"  {name:12} {used / 1e6:7.1f} ms CPU  {woken:5} wakeups  PSS {pss(pid) / 1024:5.1f} MiB")


def children(pid: int) -> list[int]:
    """The keeper's own, which are not servers."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def cost(pid: int) -> tuple[int, int]:
    """CPU in ns, and voluntary context switches."""
    running = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    status = Path(f"/proc/{pid}/status").read_text()
    return running, int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


def cost_of_threads(pid: int) -> tuple[int, int]:
    """The same of all of its threads."""
    found = [cost(int(thread)) for thread in os.listdir(f"/proc/{pid}/task")]
    return sum(cpu for cpu, _ in found), sum(switches for _, switches in found)


def pss(pid: int) -> int:
    """KiB; 0 of a process that has ended."""
    try:
        return int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("\nPss:")[1].split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0
