"""Hops as a picture: one SVG that needs nothing else, light or dark as the reader's machine is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

WIDTH, EDGE, ROW = 960, 24, 26
STACK, LEGEND, FIRST_ROW = 88, 144, 212  # where these begin, from above
BARS = 540  # where the bars of the rows begin, from the left
WHO = {
    "server": "the server that is killed",
    "helper": "the helper",
    "shell": "the shell",
    "successor": "the new process",
}
STYLE = """
:root{--back:#fdfdfc;--text:#1c2126;--soft:#59626c;--line:#dfe2e5;
--server:#868e97;--helper:#2557c7;--shell:#b97a0a;--successor:#3f9a66}
@media (prefers-color-scheme:dark){:root{--back:#13161a;--text:#e4e7ea;--soft:#9da6b0;--line:#2b3138;
--server:#757e88;--helper:#84abff;--shell:#dba23a;--successor:#3d9163}}
text{font:13px system-ui,sans-serif;font-variant-numeric:tabular-nums;fill:var(--text)}
.title{font-size:18px;font-weight:600}.soft{fill:var(--soft)}.figure{text-anchor:end}.back{fill:var(--back)}
.in{font-size:11px;text-anchor:middle;fill:var(--back)}line{stroke:var(--line)}
.server{fill:var(--server)}.helper{fill:var(--helper)}.shell{fill:var(--shell)}.successor{fill:var(--successor)}
"""


class Bar(NamedTuple):
    """A hop.  who: a word of WHO; since, at: where it begins and ends, in ms; is_after: the successor ran already."""

    title: str
    who: str
    since: float
    at: float
    is_after: bool

    @property
    def took(self) -> float:
        """Its length, in ms."""
        return self.at - self.since


def picture(title: str, below: str, bars: Sequence[Bar]) -> str:
    """The SVG.  title, below: the two lines above it."""
    height = FIRST_ROW + ROW * len(bars) + EDGE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{height}"/>',
        _text(EDGE, 38, title, "title"),
        _text(EDGE, 62, below, "soft"),
        *_stack([bar for bar in bars if not bar.is_after]),
        *_legend(),
        *(line for number, bar in enumerate(bars, 1) for line in _row(number, bar, bars)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, bar: Bar) -> str:
    """A box of a hop, with its words for who points at it."""
    words = escape(f"{bar.title}: {bar.took:.3f} ms")
    where = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height}"'
    return f'<rect class="{bar.who}" {where}><title>{words}</title></rect>'


def _stack(bars: Sequence[Bar]) -> Iterator[str]:
    """All hops in one row, as long as they took, each with its number where that fits."""
    scale = (WIDTH - 2 * EDGE) / (max((bar.at for bar in bars), default=0) or 1)
    for number, bar in enumerate(bars, 1):
        x, width = EDGE + bar.since * scale, bar.took * scale
        yield _box(x, STACK, width - 1, 34, bar)
        if width > 18:
            yield _text(x + width / 2, STACK + 21, str(number), "in")


def _legend() -> Iterator[str]:
    x = float(EDGE)
    for who, words in WHO.items():
        yield f'<rect class="{who}" x="{x:.1f}" y="{LEGEND}" width="12" height="12"/>'
        yield _text(x + 18, LEGEND + 11, words)
        x += 40 + 7 * len(words)
    yield _text(BARS - 90, FIRST_ROW - 16, "took, ms", "soft figure")
    yield _text(BARS - 16, FIRST_ROW - 16, "since kill", "soft figure")


def _row(number: int, bar: Bar, bars: Sequence[Bar]) -> Iterator[str]:
    """The line of a hop: number, words, figures, and where in the whole it was."""
    y = FIRST_ROW + ROW * (number - 1)
    whole = max((one.at for one in bars if not one.is_after), default=0) or 1
    scale = (WIDTH - EDGE - BARS) / whole
    yield f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y - 7}" y2="{y - 7}"/>'
    yield _text(EDGE + 20, y + 10, str(number), "soft figure")
    yield _text(EDGE + 32, y + 10, bar.title)
    yield _text(BARS - 90, y + 10, f"{bar.took:.3f}", "figure")
    yield _text(BARS - 16, y + 10, f"{bar.at:.3f}", "soft figure")
    if bar.is_after:
        yield _text(BARS, y + 10, "afterwards", "soft")
    else:
        yield _box(BARS + bar.since * scale, y, bar.took * scale, 12, bar)
