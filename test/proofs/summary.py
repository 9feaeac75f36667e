"""All results as one page of markdown, that a person can publish."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from proofs.result import Result

HEAD = ("| proof | made | seed | wrong | measured | took |", "|---|---|---|---|---|---|")


def page(results: Sequence[Result], facts: Mapping[str, str], began: float) -> str:
    """The page; began: when, in seconds since 1970."""
    bad = sum(len(result.wrong) for result in results)
    lines = [f"# Proofs of {time.strftime('%Y-%m-%d', time.localtime(began))}: wrong {bad}", ""]
    lines += ["; ".join(f"{name}: {value}" for name, value in facts.items()), "", *HEAD]
    lines += [result.row() for result in results]
    for result in results:
        lines += _faults(result)
    return "\n".join(lines) + "\n"


def _faults(result: Result) -> Iterable[str]:
    if result.wrong:
        yield from ("", f"## {result.word}", "")
        yield from (f"* {what}" for what in result.faults())
