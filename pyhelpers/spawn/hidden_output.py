"""The last words of a server that has secrets or env files: their values are starred, and only this child has them.

If a value is nowhere to be had, we cannot star it, so the server has no last words then.
"""

from __future__ import annotations

import os

from base import last_words
from base.exits import Refused
from base.places import NoAnswer
from config.private_files import Private
from config.private_settings import PRIVATE
from spawn import credentials, last_output, output_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server

SHORTEST_LINE = 8  # of a secret of several lines: a shorter line says nothing, and may stand anywhere


def text_of(
    server: Server,
    state_dir: str,
    record_directory: str,
    kept: tuple[int, int],
    run: tuple[int, float, tuple[int, int], bool],
) -> str:
    """What it printed last, for people; "" if nothing, or if its secrets cannot be known.

    kept: where its output begins and ends in our log; run: as for last_output.text_of().  Call it in a child, with our
    own rights: we take those of the server's user before we read a file of that user.
    """
    try:
        values = [*server.secrets, *_values(server, record_directory)]
        text = _of_kept(server, state_dir, kept, values)
    except (NoAnswer, OSError, Refused):
        return ""
    if text:
        return text
    if server.ids and os.getuid() == 0:
        server.ids.become()
    server.secrets = values
    return last_output.text_of(server, *run)


def hidden(server: Server, raw: bytes, is_cut: bool) -> str:
    """What a command around the life of the server printed last, for people; "" if its secrets cannot be known.

    is_cut: that is not all of it.  Call it in a child, as text_of().
    """
    try:
        values = [*server.secrets, *_values(server, server.launch.settings[PRIVATE])]
    except (NoAnswer, OSError, Refused):
        return ""
    return last_words.text_of(raw, is_cut, values)


def _of_kept(server: Server, state_dir: str, kept: tuple[int, int], values: list[str]) -> str:
    first, end = kept
    if not server.keeps_output or end <= first:
        return ""
    begin = max(first, end - last_words.MOST)
    raw = output_file.read(state_dir, server.kept_in, begin, end)
    return last_words.text_of(raw, begin > first, values)


def _values(server: Server, record_directory: str) -> list[str]:
    """All that must be starred.  Raises Refused: a value is not known."""
    private = Private(server)
    found: list[str] = []
    for path in private.env_files:
        pairs = [f"{name}={value}" for name, value, _ in private.variables(path, patient=True)]
        found += last_words.secrets_of(pairs)
    names = [name for name, _ in private.secrets]
    now = credentials.copies(record_directory, credentials.NOW, names)
    for name, path in private.secrets:
        found += _pieces(now[name] if name in now else private.secret(name, path, patient=True))
    for content in credentials.copies(record_directory, credentials.BEFORE, names).values():
        found += _pieces(content)  # its next run may have begun
    return found


def _pieces(content: bytes) -> list[str]:
    """The secret, as a program may print it: whole, or line by line."""
    text = content.decode("utf-8", "replace").strip()
    lines = [line for line in map(str.strip, text.split("\n")) if len(line) >= SHORTEST_LINE]
    return [text, *lines] if len(text) >= last_words.SHORTEST_SECRET else []
