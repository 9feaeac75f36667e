"""From SIGKILL to the first instruction of the next process: the middle, the slow, the slowest."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(sorted_values: Sequence[float], share: float) -> float:
    """The least value that this share of them does not exceed; 0.0 of none."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(int(len(sorted_values) * share), len(sorted_values) - 1)]


def figures(values: Sequence[float], what: str = "") -> list[str]:
    """As `p50 1.9 ms`; values in ms, in any order."""
    ordered = sorted(values)
    named = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    return [f"{what}{word} {quantile(ordered, share):.1f} ms" for word, share in named]
