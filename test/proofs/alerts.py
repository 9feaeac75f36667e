"""Delivery is killed at random moments: no alert is lost, and of each server at most one comes twice for each kill.

A hook writes down which delivery called it.  A message that came twice is charged to the delivery that sent it first:
that one must have been killed, and may be charged once for each server.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proofs.given import ROOT, Given
from proofs.result import Result
from scratch import begin

SIZE = 2_000  # kills of delivery
SERVERS = 5
LONGEST = (0.06, 0.15, 0.4)  # seconds that a delivery has: it begins, it sends, it is nearly done
WHOLE = 20  # each such delivery is left alone, so that the spool does not grow
MOST_RUNS = 4  # deliveries for each kill; those that end before it do not count
ENDING = 60.0  # seconds for what still waits at the end
RUN = "LC_DELIVERY"  # of our variables a hook gets those of the locale: this one has the number of the delivery
HOOK = f"""#!/bin/sh
printf '%s %s\\n' "${RUN}" "$MONITOR_INCIDENT" >>"${{0%/*}}/../../told"
"""


@dataclass
class Course:
    """What was done.  queued: incident -> server.  killed: the numbers of the deliveries that were killed."""

    queued: dict[str, str] = field(default_factory=dict)
    killed: set[int] = field(default_factory=set)
    runs: int = 0


def prove(given: Given) -> Result:
    """Kill given.size deliveries, and let the last ones end."""
    place, dice, course = given.scratch / "alerts", random.Random(given.seed), Course()
    _prepare(place)
    while len(course.killed) < given.size and course.runs < given.size * MOST_RUNS + WHOLE:
        _queue(place, dice, course)
        longest = None if course.runs % WHOLE == WHOLE - 1 else dice.uniform(0, dice.choice(LONGEST))
        _deliver(place, course, longest)
    wrong = [] if _empty(place, course) else [f"{len(_waiting(place))} messages still wait in the spool"]
    told = [line.split() for line in (place / "told").read_text().splitlines()]
    wrong += judge(course.queued, [(int(number), incident) for number, incident in told], course.killed)
    if len(course.killed) < given.size:
        wrong.append(f"{len(course.killed)} deliveries were killed, of {given.size}")
    made = f"{len(course.killed)} kills, {len(course.queued)} alerts of {SERVERS} servers"
    return Result(given.word, made, given.seed, wrong, [f"{len(told) - len(course.queued)} came twice"])


def judge(queued: Mapping[str, str], told: Sequence[tuple[int, str]], killed: Collection[int]) -> list[str]:
    """What is wrong, a sentence each.

    queued: incident -> server.  told: in the order of the calls, the number of the delivery and the incident.  killed:
    the numbers of the deliveries that were killed.
    """
    runs = defaultdict(list)
    for number, incident in told:
        runs[incident].append(number)
    wrong = [f"lost: {incident}" for incident in queued if incident not in runs]
    wrong += [f"sent, though no one queued it: {incident}" for incident in runs if incident not in queued]
    charged: Counter[tuple[int, str]] = Counter()
    for incident, numbers in runs.items():
        for number, following in zip(sorted(numbers), sorted(numbers)[1:]):
            if number not in killed or number == following:
                wrong.append(f"sent twice without a kill: {incident}, by delivery {number} and {following}")
            charged[number, queued.get(incident, "")] += 1
    for (number, server), times in charged.items():
        if times > 1:
            wrong.append(f"{times} messages of {server} came twice for one kill, of delivery {number}")
    return wrong


def _prepare(place: Path) -> None:
    (place / "conf/hooks").mkdir(parents=True)
    (place / "conf/servers").mkdir()  # without it monitor.conf is not read
    (place / "state").mkdir()
    (place / "told").touch()
    (place / "conf/monitor.conf").write_text("digest_after = none\nhourly_budget = none\n")
    hook = place / "conf/hooks/sms"
    hook.write_text(HOOK)
    hook.chmod(0o700)


def _queue(place: Path, dice: random.Random, course: Course) -> None:
    """Some more alerts, as the helper queues them."""
    if str(ROOT / "pyhelpers") not in sys.path:
        sys.path.append(str(ROOT / "pyhelpers"))
    from state import spool

    for _ in range(dice.randint(1, 6)):
        server = f"s{dice.randrange(SERVERS)}"
        incident = f"{server}-{len(course.queued)}"
        course.queued[incident] = server
        fields = {"incident": incident, "event": "death", "hook": "sms", "hooks": "sms", "server": server}
        spool.queue(str(place / "state/alerts"), {**fields, "message": f"{server} died", "action": "restarted"})


def _deliver(place: Path, course: Course, longest: float | None) -> None:
    """One delivery, which is killed after so many seconds (None: it may end by itself)."""
    course.runs += 1
    words = [sys.executable, "-E", "-s", str(ROOT / "pyhelpers/deliver.py"), "run"]
    words += [str(place / "state/alerts"), str(place / "conf")]
    process = begin(words, place.parent, place / "out", {RUN: str(course.runs)})
    try:
        process.wait(longest)
    except subprocess.TimeoutExpired:
        process.kill()
    if process.wait() < 0:
        course.killed.add(course.runs)


def _empty(place: Path, course: Course) -> bool:
    """Deliver until nothing waits."""
    deadline = time.monotonic() + ENDING
    while _waiting(place) and time.monotonic() < deadline:
        _deliver(place, course, None)
    return not _waiting(place)


def _waiting(place: Path) -> list[Path]:
    return list((place / "state/alerts/new").glob("*.json"))
