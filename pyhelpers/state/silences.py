"""Which server is silenced, and until when?  STATE_DIR/servers/NAME/silence holds the end of the silence."""

from __future__ import annotations

import os
import time

from base import files
from state.paths import make_private, server_directory

LONGEST = 25 * 86400.0  # seconds: a silence that ends later was set by a wrong clock, and is ignored
NEVER = 0.0


def until(state_dir: str, name: str, now: float) -> float:
    """When the silence of a server ends (Unix seconds); NEVER if it is not silenced.  now: Unix seconds."""
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
    """A silence as a phrase for a person.  end: Unix seconds."""
    return f"silent until {time.strftime('%Y-%m-%d %H:%M', time.localtime(end))}"


def silence(state_dir: str, name: str, end: float) -> None:
    """Silence a server until end (Unix seconds); NEVER ends its silence now.  Raises OSError."""
    directory = server_directory(state_dir, name)
    if end == NEVER:
        try:
            os.unlink(f"{directory}/silence")
        except FileNotFoundError:
            pass
        return
    make_private(directory)
    files.replace(f"{directory}/silence", f"{-int(-end // 1)}\n")
