"""What a bats file says of itself: its plan, its verdicts, and how much it has really made.

A file that was interrupted, skipped something or has no test is wrong, never good.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

PLAN = re.compile(r"1\.\.(\d+)$")
VERDICT = re.compile(r"(ok|not ok) \d+ (.*?)(?: # skip ?(.*))?$")
MADE = re.compile(r"# made (\d+) (\w+)(.*)$")


@dataclass
class Tap:
    """The lines of one run.

    planned: how many tests it has.  bad, skipped: their titles.  made: number, unit and the rest of each `# made` line.
    """

    planned: int = 0
    good: int = 0
    bad: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    made: list[tuple[int, str, str]] = field(default_factory=list)

    def total(self, unit: str) -> int:
        """How many of that unit were made."""
        return sum(number for number, its, _ in self.made if its == unit)

    def wrong(self, status: int) -> Iterator[str]:
        """A sentence for each fault; status: that of bats."""
        yield from (f"not ok: {title}" for title in self.bad)
        yield from (f"skipped: {title}" for title in self.skipped)
        ended = self.good + len(self.bad) + len(self.skipped)
        if not self.planned:
            yield "no test was run"
        elif ended != self.planned:
            yield f"interrupted: {ended} of {self.planned} tests have ended"
        elif status and not self.bad:
            yield f"bats has ended with {status}"


def read(text: str) -> Tap:
    """The lines that bats --tap prints."""
    found = Tap()
    for line in text.splitlines():
        if plan := PLAN.match(line):
            found.planned = int(plan[1])
        elif verdict := VERDICT.match(line):
            _count(found, verdict)
        elif made := MADE.match(line):
            found.made.append((int(made[1]), made[2], made[3].strip()))
    return found


def _count(found: Tap, verdict: re.Match[str]) -> None:
    if verdict[1] == "not ok":
        found.bad.append(verdict[2])
    elif verdict[3] is not None:
        found.skipped.append(f"{verdict[2]} ({verdict[3]})")
    else:
        found.good += 1
