"""Where does the time of a restart go, hop by hop?

A server is killed as often without the trace as with it, because a trace costs time too.  The hops stand in the order
of their medians, and each has the time since the one before.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benches import hops, tracefs
from benches.figures import high, machine, median, today
from benches.keeping import Run, configured
from benches.picture import Bar, picture
from benches.spending import children

PAST_THROTTLES = 1.6  # seconds: a death sooner after the start would be a failed start
AFTERWARDS = 0.02  # seconds in which we see what follows the first instruction
MILLION = 1e6  # ns in a ms


class Figure(NamedTuple):
    """A hop of many restarts.  at: when, in ms since the SIGKILL; took, most: since the hop before, p50 and p95."""

    title: str
    at: float
    took: float
    most: float


def trace(scratch: Path, kills: int, drawn: str) -> int:
    """Kill so many times each way, print, and draw into the file of that name, if any; the exit status."""
    try:
        with tracefs.mounted() as top, tracefs.instance(top) as instance:
            found, untraced = _killed(scratch, kills, instance)
    except tracefs.Unavailable as why:
        print(f"trace: {why}", file=sys.stderr)
        return why.status
    figures = ordered(found)
    tell(figures, [one[hops.FIRST] / MILLION for one in found], untraced)
    if drawn:
        Path(drawn).write_text(drawing(figures, kills, untraced), encoding="utf-8")
    return 0


def _killed(scratch: Path, kills: int, instance: tracefs.Instance) -> tuple[list[dict[str, int]], list[float]]:
    """The hops of each restart that was traced, and the ms of each that was not."""
    found, untraced = list[dict[str, int]](), list[float]()
    with _running(scratch) as run:
        for _ in range(kills):
            for traced in random.sample((True, False), 2):
                time.sleep(PAST_THROTTLES)
                if traced:
                    found.append(_one(run, instance))
                else:
                    untraced += run.kill(run.ids)
    return found, untraced


@contextlib.contextmanager
def _running(scratch: Path) -> Iterator[Run]:
    run = Run("monitor.sh", scratch, 1)
    try:
        run.start(configured(run))
        yield run
    finally:
        run.end()


def _one(run: Run, instance: tracefs.Instance) -> dict[str, int]:
    """The hops of one restart."""
    assert run.process
    name, shell = run.ids[0], run.process.pid
    helper = next(pid for pid in children(shell) if b"alive.py" in Path(f"/proc/{pid}/cmdline").read_bytes())
    server = run.last()[name][0]
    files = {pid: _files(pid, server) for pid in (shell, helper)}
    instance.begin((shell, helper, server))
    waiting = {pid: fd for pid in (shell, helper) for fd in _waits_on(pid)}
    began = time.monotonic_ns()
    os.kill(server, signal.SIGKILL)
    successor, ended = run.wait_for([name], began)[name]
    time.sleep(AFTERWARDS)
    cast = hops.Cast(shell, helper, server, successor, files, waiting, began, ended)
    return hops.round_trip(instance.end(), cast)


def _files(pid: int, server: int) -> dict[int, str]:
    """Its descriptors that matter to a restart of that server, by number."""
    found = {}
    for fd in map(int, os.listdir(f"/proc/{pid}/fd")):
        name = os.path.basename(os.readlink(f"/proc/{pid}/fd/{fd}"))
        if name in ("events", "orders"):
            found[fd] = name
        elif f"\nPid:\t{server}\n" in Path(f"/proc/{pid}/fdinfo/{fd}").read_text():
            found[fd] = "pidfd"
    return found


def _waits_on(pid: int) -> Iterator[int]:
    """The first argument of the call in which it waits, as a rule a descriptor; nothing while it runs."""
    words = Path(f"/proc/{pid}/syscall").read_text().split()
    if len(words) > 2:
        yield int(words[1], 16)


def ordered(found: list[dict[str, int]]) -> list[Figure]:
    """The hops that most of the restarts had, in the order of their medians.

    Only restarts with all of these count, because medians of different restarts have no order: the kernel now and then
    leaves out that a process ran.  If no restart had all, the hops are those that every one had.
    """
    counts = Counter(title for one in found for title in one)
    usual = [title for title in counts if counts[title] * 2 > len(found)]
    whole = [one for one in found if all(title in one for title in usual)]
    if not whole:
        usual, whole = [title for title in usual if counts[title] == len(found)], found
    times = {title: [one[title] for one in whole] for title in usual}
    figures, before = list[Figure](), ""
    for title in sorted(usual, key=lambda title: median(times[title])):
        took = [one[title] - one.get(before, 0) for one in whole]
        figures.append(Figure(title, median(times[title]) / MILLION, median(took) / MILLION, high(took) / MILLION))
        before = title
    return figures


def drawing(figures: list[Figure], kills: int, untraced: list[float]) -> str:
    """The picture of these hops."""
    whole = next(one.at for one in figures if one.title == hops.FIRST)
    title = f"From SIGKILL to the first instruction of the next process: {whole:.2f} ms"
    below = f"p50 of {kills} kills; {median(untraced):.2f} ms without the trace; {machine()}; {today()}"
    who = {hop.title: hop.who for hop in hops.HOPS} | {hops.FIRST: "successor"}
    begins = [0.0, *(one.at for one in figures)]
    bars = [Bar(one.title, who[one.title], at, one.at, one.at > whole) for at, one in zip(begins, figures)]
    return picture(title, below, bars)


def tell(figures: list[Figure], traced: list[float], untraced: list[float]) -> None:
    """Print it: a line a hop."""
    width = max(len(one.title) for one in figures)
    print(f"{'ms since the hop before':{width}}     p50     p95   since the SIGKILL")
    total, within = 0.0, True
    for one in figures:
        print(f"{one.title:{width}}  {one.took:6.3f}  {one.most:6.3f}   {one.at:6.3f}")
        total += one.took if within else 0
        if one.title == hops.FIRST:
            print(f"{'in all':{width}}  {total:6.3f}")
            within = False
    missed = [hop.title for hop in hops.HOPS if hop.title not in {one.title for one in figures}]
    if missed:
        print(f"not seen: {', '.join(missed)}")
    if any(one.took < 0 for one in figures):
        print("below 0: two processes work at once, and in most restarts this hop came before the one above")
    for name, times in (("traced", traced), ("without the trace", untraced)):
        print(f"{name:17}  n {len(times)}   p50 {median(times):.2f} ms   p95 {high(times):.2f} ms")
