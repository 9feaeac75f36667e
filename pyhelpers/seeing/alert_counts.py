"""How many messages has each hook sent and refused, and how many wait?  From the spool, and counted in the tally.

A message is a file with a name that never comes twice.  sent/ and failed/ keep the newest thousand, so we count each
name once, and remember the names that are there.
"""

from __future__ import annotations

import os

from alerting import outbox
from alerting.sent_log import parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeing.tally import Tally

FOLDERS = ("sent", "failed")


def count(tally: Tally) -> None:
    """Add to the tally what the hooks have sent and refused since the last call."""
    before = set(tally.seen)
    for index, folder in enumerate(FOLDERS):
        try:
            names = list(_counted(f"{tally.state_dir}/alerts/{folder}"))
        except OSError:
            continue  # there is no spool yet, or a disk fails: what is known stays known
        here = {f"{folder}/{name}" for name in names}
        for identity in here - before:
            tally.alerts.setdefault(parts(identity)[1], [0] * len(FOLDERS))[index] += 1
        tally.seen = sorted({*(each for each in tally.seen if not each.startswith(f"{folder}/")), *here})


def _counted(folder: str) -> Iterator[str]:
    """The names of messages that went by themselves: one that a digest has taken in has mtime 0.  Raises OSError."""
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if parts(entry.name)[1] and entry.stat(follow_symlinks=False).st_mtime:
                    yield entry.name
            except FileNotFoundError:
                continue  # it has just been removed


def waiting(state_dir: str) -> dict[str, tuple[int, float]]:
    """Of each hook that has some: how many wait, and since when the oldest does, in Unix time."""
    found: dict[str, tuple[int, float]] = {}
    try:
        alerts = outbox.listed(f"{state_dir}/alerts", "new")
    except OSError:
        return {}
    for alert in alerts:
        number, oldest = found.get(alert.hook, (0, float("inf")))
        found[alert.hook] = number + 1, min(oldest, alert.order[0])
    return found
