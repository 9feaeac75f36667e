"""Monitors that were killed, and of which no later monitor has said so yet: each has left its directory.

The next monitor writes the same into the history, see prepare.py; until then nothing there tells that no one watches.
"""

from __future__ import annotations

import os

from proc import identity
from state import history, presence, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def ends(state_dir: str) -> Iterator[dict[str, Any]]:
    """A line of the history for each, as an object: it ended when it was seen last."""
    boot = record.boot_id()[: history.BOOT_LETTERS]
    for name in _names(f"{state_dir}/monitors"):
        directory = f"{state_dir}/monitors/{name}"
        try:
            began, seen = presence.seen_last(directory)
        except (OSError, ValueError):
            continue  # it never began, or we may not look
        if began != boot or not identity.look(int(name)):
            told = {"time": record.iso_time(seen), "event": "ended", "server": "", "pid": int(name), "action": "lost"}
            yield {**told, "monitor": f"{name}-{began}"}


def _names(directory: str) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if name.isdigit()]
    except OSError:
        return []
