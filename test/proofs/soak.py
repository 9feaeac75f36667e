"""Seven days' worth of events as fast as they can be had, and what grows meanwhile.

For each 100,000 deaths: 10,000 alerts, 1,000 updates, 100 monitors that give way to another one.  Every second of these
executes a new version of the suite in place; the others are ended, and another one takes over.  Two servers die
meanwhile.  Updates and monitors come in the first half only: an update executes the helper anew, which hides what it
has lost.  In the second half a single helper works on, so that a slope there is a leak.

A soak of fewer than FEWEST deaths does not judge growth, and says so.  Files: soak.svg, soak.csv.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter

from proofs import deaths
from proofs.drawing import Panel, draw
from proofs.given import Given
from proofs.latency import figures
from proofs.result import Result
from proofs.samples import Samples
from proofs.watched import PATIENCE, Stuck, Watched, mixed

SIZE = 100_000  # deaths
SERVERS = 40
ALERTED = 4  # more servers, with an alert
CHANGING = 2  # more servers, which updates change and no one kills
ALERTS_EVERY, UPDATES_EVERY, MONITORS_EVERY = 10, 50, 500  # deaths; of a short soak a sixth, and a quarter
SAMPLES = 400
FEWEST = 1_000  # deaths; in a shorter soak a new monitor has not yet got all that it needs
DOWN = 4  # servers at a time: more would measure how the machine is overloaded
PAUSE = 0.003  # seconds between two tries to kill
CONF = "interval = 1s\nstart_seconds = 50ms\nrival_wait = 0s\ndigest_after = none\nhourly_budget = none\n"


class Soak:
    """One soak: its monitor, its dice, and what it has done."""

    def __init__(self, given: Given) -> None:
        self.given, self.dice, self.samples = given, random.Random(given.seed), Samples()
        self.plain = mixed(given.servers or SERVERS)
        self.alerted = mixed(ALERTED, first="a")
        self.changing = mixed(CHANGING, first="c")
        names = {**self.plain, **self.alerted, **self.changing}
        self.updates: Counter[str] = Counter()
        self.monitors: list[float] = []  # after how many deaths another one began
        self.watched = Watched(given.scratch / "soak", names, CONF, self._own)
        self.wrong: list[str] = []
        self._update: subprocess.Popen[bytes] | None = None
        self._measured = 0

    def _own(self, name: str) -> str:
        """What else its conf has: how often it was updated, and, so that each monitor finds a change, their number."""
        if name in self.alerted:
            return "alert = sms\nalert_on = death\n"
        if name in self.changing:
            event = ("death", "give_up")[len(self.monitors) % 2]
            return f"alert_on = {event}\nalert = none\nenvironment = TURN={self.updates[name]}\n"
        return "alert = none\n"

    def run(self) -> None:
        """All of it.  Raises Stuck if a server does not come back."""
        self.watched.start()
        done, last = 0, time.monotonic()
        while done < self.given.size:
            if self.watched.down() < DOWN and self.watched.kill(self._victim(done)):
                done, last = done + 1, time.monotonic()
                self._after(done)
            elif time.monotonic() - last > PATIENCE:
                raise Stuck(f"no server is RUNNING after {done} deaths")
            time.sleep(PAUSE)
        self._end_update()
        self.wrong += self.watched.all_back()

    def _victim(self, done: int) -> str:
        return self.dice.choice(list(self.alerted if done % ALERTS_EVERY == ALERTS_EVERY - 1 else self.plain))

    def _after(self, done: int) -> None:
        """What is due after so many deaths."""
        size = self.given.size
        if done % max(size // SAMPLES, 1) == 0:
            self._sample(done)
        if done <= size // 2 and done % min(UPDATES_EVERY, size // 6 or 1) == 0:
            self._begin_update()
        if done <= size // 2 and done % min(MONITORS_EVERY, size // 4 or 1) == 0:
            self._replace(done)

    def _sample(self, done: int) -> None:
        # The kernel's list of children may lack one while another one ends
        self.watched.until("a helper is there", self.watched.helper)
        times = self.watched.seen.latency
        recent = times[min(self._measured, len(times) - 1) :] if times else []
        self.samples.take(done, self.watched.pids(), self.watched.state, recent)
        self._measured = len(times)

    def _begin_update(self) -> None:
        self._end_update()
        name = self.dice.choice(list(self.changing))
        self.updates[name] += 1
        self.watched.configure(name, self._own(name))
        self._update = self.watched.order("update")

    def _end_update(self) -> None:
        if self._update and (status := self._update.wait(PATIENCE)):
            self.wrong.append(f"an update has ended with {status}")
        self._update = None

    def _replace(self, done: int) -> None:
        """Another monitor; in turn by its end, and by a new version in place."""
        self._end_update()
        self.monitors.append(done)
        for name in self.changing:
            self.watched.configure(name, self._own(name))
        if len(self.monitors) % 2:
            self.watched.renew(len(self.monitors), self._some_die)
        else:
            self.watched.replace(self._some_die)

    def _some_die(self) -> None:
        for name in self.dice.sample(list(self.plain), 2):
            self.watched.kill(name)

    def judge(self) -> list[str]:
        """What is wrong; waits until what must be told is told."""
        seen, watched = self.watched.seen, self.watched
        wanted = Counter(incident for incident in seen.killed if incident.startswith("a"))
        watched.settle(lambda: sum(1 for _ in watched.told()), len(seen.killed))
        watched.settle(lambda: len(watched.alerted()), len(wanted))
        starts = {server.name: server.starts for server in watched.servers.values()}
        due = {server.name: 1 + server.deaths + self.updates[server.name] for server in watched.servers.values()}
        return [
            *deaths.untrue(seen.killed, watched.told()),
            *deaths.unequal("alerts", wanted, watched.alerted()),
            *deaths.unequal("starts", due, starts),
            *(self.samples.grows() if self.given.size >= FEWEST else ()),
            *watched.faults(),
        ]


def prove(given: Given) -> Result:
    """Let given.size servers die."""
    soak = Soak(given)
    try:
        soak.run()
    except Stuck as why:
        soak.wrong.append(str(why))
    wrong = [*soak.wrong, *soak.judge()]
    _keep(given, soak)
    done, alerts = len(soak.watched.seen.killed), sum(soak.watched.alerted().values())
    made = f"{done} deaths, {alerts} alerts, {sum(soak.updates.values())} updates, {len(soak.monitors)} monitors"
    measured = figures(soak.watched.seen.latency)
    if given.size < FEWEST:
        measured.append("too short to judge growth")
    if soak.samples.memory:
        measured.append(f"{soak.samples.memory[-1]:.1f} MiB, {soak.samples.descriptors[-1]:.0f} descriptors at the end")
    return Result(given.word, made, given.seed, wrong, measured)


def _keep(given: Given, soak: Soak) -> None:
    """The picture and its figures."""
    at = soak.samples
    if not at.at:
        return
    panels = [
        Panel("Memory of helper and shell", "MiB (anonymous)", {"memory": at.memory}),
        Panel("Descriptors of helper and shell", "number", {"descriptors": at.descriptors}),
        Panel("Files of the state", "MiB", {"state": at.state}),
        Panel("SIGKILL to the next first instruction", "ms", {"p50": at.middle, "p99": at.slow}),
    ]
    title = f"{len(soak.watched.seen.killed)} deaths, seed {given.seed}"
    (given.out / "soak.svg").write_text(
        draw(title, "deaths (a vertical line: another monitor)", at.at, panels, soak.monitors)
    )
    rows = zip(at.at, at.memory, at.descriptors, at.state, at.middle, at.slow)
    lines = [
        "deaths,memory MiB,descriptors,state MiB,p50 ms,p99 ms",
        *(",".join(f"{x:g}" for x in row) for row in rows),
    ]
    (given.out / "soak.csv").write_text("\n".join(lines) + "\n")
