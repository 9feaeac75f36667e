"""Does something grow while the same goes on for long?  The slope over the second half: the first one fills caches."""

from __future__ import annotations

from collections.abc import Sequence

LEAST = 10  # samples in the second half
SHARE = 0.05  # of the mean, which may come by chance


def rise(xs: Sequence[float], ys: Sequence[float]) -> float:
    """How far the straight line through the points (least squares) rises from the first x to the last, in units of y.

    Raises ValueError if there are no two different x.
    """
    middle, mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle) ** 2 for x in xs)
    if not spread:
        raise ValueError("one moment has no slope")
    return sum((x - middle) * (y - mean) for x, y in zip(xs, ys)) / spread * (xs[-1] - xs[0])


def growing(what: str, unit: str, xs: Sequence[float], ys: Sequence[float], least: float) -> list[str]:
    """A sentence if y grows over the second half, or if that cannot be said; else nothing.

    xs, ys: as long as each other, in the order of time.  least: a rise up to this is none, in units of y.
    """
    half = len(xs) // 2
    later, values = xs[half:], ys[half:]
    if len(later) < LEAST:
        return [f"{what}: {len(later)} samples in the second half are too few"]
    risen, allowed = rise(later, values), max(least, SHARE * sum(values) / len(values))
    if risen <= allowed:
        return []
    return [f"{what} grows: {risen:.1f} {unit} over the second half, from {values[0]:.1f} to {values[-1]:.1f}"]
