"""Restarts a day of a report: below the bars, a column for each day, of all servers together."""

from __future__ import annotations

import time

from seeing.markup import number, plural, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeing.findings import Findings, Subject

STEP, HEIGHT = 4, 40
MOST_NAMES = 4  # in a title
MOST_TITLES = 400  # days; of more there is no room for titles


def row(found: Findings, subjects: list[Subject]) -> str:
    """The row; nothing if there was no restart."""
    count = len(found.limits) - 1
    sums = [sum(subject.restarts.get(at, 0) for subject in subjects) for at in range(count)]
    most = max(sums)
    if not most:
        return ""
    worst = _date(found.limits[sums.index(most)])
    label = f"{plural(sum(sums), 'restart')} of all servers in {plural(count, 'day')}, most on {worst}: {most}"
    return (
        f'<li class="sums"><b>Restarts a day<small>at most {most}</small></b>'
        f'<svg viewBox="0 0 {STEP * count} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f'<path class="base" d="M0 {HEIGHT - 0.5}H{STEP * count}"/>{"".join(_columns(found, subjects, sums))}</svg>'
        f'<span class="num">{sum(sums)}</span></li>'
    )


def _columns(found: Findings, subjects: list[Subject], sums: list[int]) -> Iterator[str]:
    most = max(sums)
    for at, amount in enumerate(sums):
        if amount:
            height = max(1.5, amount / most * HEIGHT)
            place = f'x="{STEP * at}" y="{number(HEIGHT - height)}" width="{STEP - 1}" height="{number(height)}"'
            title = f"<title>{_title(at, amount, found, subjects)}</title>" if len(sums) <= MOST_TITLES else ""
            yield f'<rect class="v" {place}>{title}</rect>'


def _title(at: int, amount: int, found: Findings, subjects: list[Subject]) -> str:
    leaders = sorted(subjects, key=lambda subject: -subject.restarts.get(at, 0))[:MOST_NAMES]
    names = [text(f"{subject.name} {subject.restarts[at]}") for subject in leaders if subject.restarts.get(at)]
    return "\n".join([f"{_date(found.limits[at])}: {plural(amount, 'restart')}", *names])


def _date(begin: float) -> str:
    return time.strftime("%a %d %b", time.localtime(begin))
