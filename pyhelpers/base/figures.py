"""Numbers as a few letters without blanks, for the columns of a table: how long, how much, how busy."""

from __future__ import annotations

MOST_DAYS = 100  # from here on hours do not matter


def age(seconds: float) -> str:
    """`42s`, `5m09s`, `2h13m`, `3d04h`, `412d`: its two greatest units, the rest is dropped."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days >= MOST_DAYS:
        return f"{days}d"
    if days:
        return f"{days}d{hour:02d}h"
    if hours:
        return f"{hours}h{minute:02d}m"
    return f"{minutes}m{second:02d}s" if minutes else f"{second}s"


def size(amount: float) -> str:
    """`812B`, `64K`, `9.5M`, `1.2G`: four letters at most up to 999T.  amount: bytes; a K is 1024 of them."""
    for unit in "BKMGT":
        if amount < 999.5 or unit == "T":
            break
        amount /= 1024
    return f"{amount:.1f}{unit}" if unit in "MGT" and amount < 9.95 else f"{amount:.0f}{unit}"


def percent(share: float) -> str:
    """`0.3%`, `12%`, `250%`.  share: 100 is one core."""
    return f"{share:.1f}%" if share < 9.95 else f"{share:.0f}%"
