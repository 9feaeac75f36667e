"""What a server printed last: servers/NAME/printed, from which the shell and the delivery of alerts take it.

So with what it left when it crashed: servers/NAME/core, the path of its core, and servers/NAME/backtrace, the frames.

line 1    the text, as the inside of a JSON string in ASCII
line 2    its incident; `-`: the one that is open in the shell
"""

from __future__ import annotations

from base import files
from state.paths import server_directory

PRINTED, CORE, BACKTRACE = "printed", "core", "backtrace"


def path_of(state_dir: str, kept_in: str, name: str = PRINTED) -> str:
    """The file of a server.  kept_in: its directory in servers/."""
    return f"{server_directory(state_dir, kept_in)}/{name}"


def write(state_dir: str, kept_in: str, text: str, incident: str, name: str = PRINTED) -> None:
    """Replace it.  Raises OSError."""
    from base import last_words

    files.replace(path_of(state_dir, kept_in, name), f"{last_words.in_json(text)}\n{incident}\n")


def of(state_dir: str, kept_in: str, incident: str, name: str = PRINTED) -> str:
    """The text that belongs to this incident, "" if there is none."""
    import json

    try:
        with open(path_of(state_dir, kept_in, name), encoding="ascii") as source:
            text, whose, *_ = f"{source.read()}\n\n".split("\n")
        return str(json.loads(f'"{text}"')) if whose == incident else ""
    except (OSError, ValueError):
        return ""  # it never was, or is no file of ours
