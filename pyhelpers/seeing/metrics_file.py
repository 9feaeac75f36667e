"""The file of the metrics, for node_exporter's textfile collector: written by rename, for all to read.

The collector reads each *.prom, so the file has another name until it is complete.

Others than root may be able to change the path: Debian's /var/lib/prometheus belongs to prometheus.  So root follows no
link there; a directory that is reached without one is theirs, or root's own that they could only move.
"""

from __future__ import annotations

import os
import time

from base import files, places
from base.exits import NO_PERMISSION, Refused
from proc import identity
from seeing import unwritable

READABLE = 0o644
FRESH = 4  # intervals; one may be missed, and a look takes its time


def write(path: str, text: str) -> None:
    """Replace the file at this absolute path.  Raises OSError, Refused: a link in it that others may have made."""
    directory, _, name = path.rpartition("/")
    place = places.opened(directory or "/", patient=True)
    try:
        if place.swappable and place.real != os.path.normpath(directory or "/"):
            raise Refused(
                NO_PERMISSION,
                f"{directory}: others may change this path, and a link is in it; name {place.real}/{name} in its place",
            )
        files.replace(f"/proc/self/fd/{place.fd}/{name}", text.encode("utf-8"), READABLE)
    finally:
        place.close()


def write_or_refuse(path: str, text: str) -> None:
    """The same, with a message for a person.  Raises Refused."""
    try:
        write(path, text)
    except OSError as error:
        raise unwritable.refused(path, error) from None


def judgement(path: str, interval_ms: int, state_dir: str) -> tuple[str, bool]:
    """How old it is, in words for a person; and whether that is as it should be.

    interval_ms: how often a monitor has to write it; state_dir: where to look whether one runs.
    """
    is_watched = _is_watched(state_dir)
    try:
        old = max(0.0, time.time() - os.stat(path).st_mtime)
    except OSError as error:
        return f"{path}: {error.strerror}{'' if is_watched else '; no monitor runs'}", not is_watched
    words = f"{path} was written {old:.0f}s ago"
    if not is_watched:
        return f"{words}; no monitor runs", True
    if old <= FRESH * interval_ms / 1000 + 1:
        return words, True
    return f"{words}; a monitor that runs with this conf writes it every {interval_ms / 1000:g}s", False


def _is_watched(state_dir: str) -> bool:
    try:
        return any(name.isdigit() and identity.look(int(name)) for name in os.listdir(f"{state_dir}/monitors"))
    except OSError:
        return False
