"""The report as one HTML document: no script, no other file, nothing that it asks for anywhere.

Its policy allows one style sheet, by its hash, and nothing else; so even markup that came into it would do nothing.
Source: https://www.w3.org/TR/CSP3/ ; https://html.spec.whatwg.org/multipage/
"""

from __future__ import annotations

import base64
import hashlib
import time

from seeing import page_bars, page_incidents, page_now, page_table, page_timeline
from seeing.markup import plural, text
from seeing.page_style import sheet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeing.findings import Findings, Subject


def _hatch(name: str, width: int) -> str:
    """The pattern with stripes: 5 high, and as wide as it must be for the picture that is stretched sideways."""
    line = f"M0 5L{width} 0M{-width} 5L{width} -5M0 10L{2 * width} 0"
    return (
        f'<pattern id="{name}" width="{width}" height="5" patternUnits="userSpaceOnUse">'
        f'<rect class="hb" width="{width}" height="5"/><path class="hl" d="{line}"/></pattern>'
    )


HATCHES = (
    '<svg class="defs" width="0" height="0" aria-hidden="true">'
    f"<defs>{_hatch('day', 4)}{_hatch('lane', 10)}</defs></svg>"
)


def parts(found: Findings, subjects: list[Subject], host: str, refresh: int) -> Iterator[str]:
    """The document, piece by piece.  refresh: seconds after which a browser loads it again; 0: never."""
    words, sign = page_now.verdict(subjects)
    yield _head(f"{words} - {host}", refresh)
    yield f'<body>{HATCHES}<header><p class="top">{text(host)}, {_moment(found.now)}</p>'
    shape = page_now.SIGNS[sign]
    yield f'<h1><svg class="sign" viewBox="0 0 16 16" aria-hidden="true">{shape}</svg>{text(words)}</h1>'
    yield from page_now.figures(found, subjects)
    yield "</header><main>"
    lost = [0.0] * (len(found.limits) - 1)
    yield from page_now.section(found, subjects)
    yield from page_bars.section(found, subjects, lost)
    yield from page_timeline.section(found, subjects)
    yield from page_incidents.section(found, lost)
    yield from page_table.section(subjects)
    yield f"</main>{_foot(found, refresh)}</body></html>\n"


def _head(title: str, refresh: int) -> str:
    style = sheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f'<meta name="robots" content="noindex">{again}<title>{text(title)}</title><style>{style}</style></head>'
    )


def _moment(seconds: float) -> str:
    return text(time.strftime("%a %d %b %Y, %H:%M:%S %Z", time.localtime(seconds)))


def _foot(found: Findings, refresh: int) -> str:
    count = len(found.limits) - 1
    words = [
        f"This report covers {plural(count, 'day')}, from {_moment(found.limits[0])}.",
        "A server is down from its death until a process is there that stays up.",
        "Available is the share of the time that it was to run and was watched.",
        "Time in which it was stopped, paused or not watched by a monitor counts neither as up nor as down.",
    ]
    words += [f"This page loads itself again every {plural(refresh, 'second')}."] if refresh else []
    return f"<footer><p>{' '.join(words)}</p></footer>"
