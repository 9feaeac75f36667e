"""The table of a report: how available each server was, the worst first."""

from __future__ import annotations

from seeing.course import DOWN, UNKNOWN
from seeing.history_table import lasted
from seeing.markup import fitting, plural, share, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeing.findings import Subject

MOST_BYTES = 190_000
HEADS = ("Server", "Up", "Down", "Outages", "Longest", "Mean", "Restarts", "Not watched")


def section(subjects: list[Subject]) -> Iterator[str]:
    """The section."""
    rows, left = fitting(map(_row, sorted(subjects, key=_worst_first)), MOST_BYTES)
    heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
    yield '<section aria-labelledby="table"><h2 id="table">Availability</h2>'
    yield '<div class="scroll" tabindex="0" role="group" aria-label="Figures of each server"><table>'
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    yield from rows
    yield "</tbody></table></div>"
    yield f'<p class="soft">{plural(left, "more server")}: ./monitor.sh status --uptime</p>' if left else ""
    yield "</section>"


def _worst_first(subject: Subject) -> tuple[float, float]:
    known = subject.uptime.percent
    return 101.0 if known is None else known, -subject.uptime.seconds[DOWN]


def _row(subject: Subject) -> str:
    uptime = subject.uptime
    cells = (
        share(uptime.percent),
        _lasted(uptime.seconds[DOWN]),
        str(len(uptime.outages) or ""),
        _lasted(uptime.longest),
        _lasted(uptime.mean),
        str(sum(subject.restarts.values()) or ""),
        _lasted(uptime.seconds[UNKNOWN]),
    )
    texts = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row">{text(subject.name)}</th>{texts}</tr>'


def _lasted(seconds: float | None) -> str:
    """A cell without anything is easier to read than one with a 0."""
    return lasted(seconds) if seconds else ""
