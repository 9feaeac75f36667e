"""Curves as one SVG that needs nothing else: light or dark as the reader's machine is, real text, no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, PANEL, GAP = 860, 150, 56  # pixels: of all, of a panel's height, between two panels
LEFT, RIGHT, TOP = 70, 130, 64
STYLE = """
svg{background:#fdfdfc;font:12px system-ui,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif}
text{fill:#1c2126}.soft{fill:#59626c}.grid{stroke:#dfe2e5}.mark{stroke:#b97a0a;stroke-opacity:.45}
.c0{stroke:#2557c7}.c1{stroke:#3f9a66;stroke-dasharray:5 3}.c2{stroke:#c5342b;stroke-dasharray:2 2}
.c0,.c1,.c2{fill:none;stroke-width:1.5}.title{font-size:15px;font-weight:600}.name{font-weight:600}
@media (prefers-color-scheme:dark){svg{background:#13161a}text{fill:#e4e7ea}.soft{fill:#9da6b0}.grid{stroke:#2b3138}
.mark{stroke:#dba23a}.c0{stroke:#84abff}.c1{stroke:#3d9163}.c2{stroke:#f0675c}}
"""


@dataclass(frozen=True)
class Panel:
    """One picture above the others.

    name, unit: what its axis has.  curves: name -> values, one for each x.
    """

    name: str
    unit: str
    curves: dict[str, Sequence[float]]


def draw(title: str, axis: str, xs: Sequence[float], panels: Sequence[Panel], marks: Sequence[float] = ()) -> str:
    """The whole file.

    xs: of all curves, growing.  axis: what x is.  marks: moments, as x, that get a line in each panel.
    """
    height = TOP + len(panels) * (PANEL + GAP)
    said = f"{title}. Over {axis}: {'; '.join(f'{each.name} in {each.unit}' for each in panels)}."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(said)}</desc><style>{STYLE}</style>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, xs, marks, TOP + number * (PANEL + GAP))
    parts.append(f'<text class="soft" x="{LEFT}" y="{height - 8}">{escape(axis)}</text></svg>\n')
    return "\n".join(parts)


def _panel(panel: Panel, xs: Sequence[float], marks: Sequence[float], top: float) -> list[str]:
    most = max((value for values in panel.curves.values() for value in values), default=0.0) * 1.05 or 1.0
    first, span = xs[0], (xs[-1] - xs[0]) or 1.0

    def across(x: float) -> float:
        return LEFT + (x - first) / span * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return top + PANEL - y / most * PANEL

    parts = [f'<text class="name" x="{LEFT}" y="{top - 10}">{escape(panel.name)}, {escape(panel.unit)}</text>']
    parts += [f'<path class="mark" d="M{across(x):.1f} {top}v{PANEL}"/>' for x in marks]
    for share in (0, 0.5, 1):
        y = down(most * share)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="soft" text-anchor="end" x="{LEFT - 8}" y="{y + 4:.1f}">{_number(most * share)}</text>'
        )
        parts.append(_below(across(first + span * share), top, first + span * share))
    for number, (name, values) in enumerate(panel.curves.items()):
        line = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in zip(xs, values))
        parts.append(f'<path class="c{number}" d="M{line}"/>')
        parts += _key(name, number, top)
    return parts


def _below(x: float, top: float, value: float) -> str:
    return f'<text class="soft" text-anchor="middle" x="{x:.1f}" y="{top + PANEL + 16}">{_number(value)}</text>'


def _key(name: str, number: int, top: float) -> list[str]:
    """What this curve is, beside the panel."""
    y = top + 14 + number * 18
    line = f'<path class="c{number}" d="M{WIDTH - RIGHT + 10} {y - 4}h18"/>'
    return [line, f'<text x="{WIDTH - RIGHT + 34}" y="{y}">{escape(name)}</text>']


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
