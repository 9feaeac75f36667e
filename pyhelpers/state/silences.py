"""Which server is silenced, and until when?  STATE_DIR/servers/NAME/silence holds the time of its end."""

from __future__ import annotations

import os
import time

from base import files
from state.paths import make_private, server_directory

LONGEST = 25 * 86400.0  # seconds: one that ends later was set by another clock
NEVER = 0.0


def until(state_dir: str, name: str, now: float) -> float:
    """When the silence of a server ends (Unix seconds); NEVER: it is not silent."""
    try:
        fd = os.open(f"{state_dir}/servers/{name}/silence", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        return NEVER
    try:
        text = os.read(fd, 32)
    except OSError:
        return NEVER
    finally:
        os.close(fd)
    end = float(text) if text.strip().isdigit() else NEVER
    return end if now < end < now + LONGEST else NEVER


def in_words(end: float) -> str:
    """What a person is told of it."""
    return f"silent until {time.strftime('%Y-%m-%d %H:%M', time.localtime(end))}"


def silence(state_dir: str, name: str, end: float) -> None:
    """Remember when its silence ends (Unix seconds); NEVER ends it now.  Raises OSError."""
    directory = server_directory(state_dir, name)
    if end == NEVER:
        try:
            os.unlink(f"{directory}/silence")
        except FileNotFoundError:
            pass
        return
    make_private(directory)
    files.replace(f"{directory}/silence", f"{-int(-end // 1)}\n")
