"""Read the history: history.jsonl, and what was turned over before (state/turned_history.py)."""

from __future__ import annotations

import os

from base.exits import FAILED, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from gzip import GzipFile
    from typing import BinaryIO

NAME, TURNED = "history.jsonl", "history-"
TAIL = 1 << 18  # bytes, at the end of the file


def newest(state_dir: str, most: int = TAIL) -> list[bytes]:
    """The newest lines, at most `most` bytes, oldest first; [] if there are none or we may not read them."""
    lines: list[bytes] = []
    for path in files(state_dir)[:-3:-1]:  # it may just have been turned over
        if not path.endswith(".gz") and most > 0:
            before, read = _last_of(path, most)
            lines = before + lines
            most -= read
    return lines


def _last_of(path: str, most: int) -> tuple[list[bytes], int]:
    """The last whole lines in at most so many bytes, and how many bytes were read."""
    try:
        with open(path, "rb") as history:
            size = os.fstat(history.fileno()).st_size
            history.seek(max(0, size - most))
            raw = history.read(most)
    except OSError:
        return [], 0
    lines = raw.split(b"\n")
    return (lines[1:-1] if size > most else lines[:-1]), len(raw)


def every_line(state_dir: str) -> Iterator[bytes]:
    """Each line, the oldest first, also of what was turned over.

    Raises OSError: a file is there that we may not read; Refused: one that gzip has packed is not whole.
    """
    for path in files(state_dir):
        try:
            with opened(path) as lines:
                yield from lines
        except FileNotFoundError:
            continue  # someone has just removed it
        except damage() as error:
            raise Refused(FAILED, f"{damaged(path, error)}; put a whole copy in its place, or move it away") from None


def files(state_dir: str) -> list[str]:
    """The paths of history, the oldest first: `history-2025.1.jsonl.gz`, `history-2026.1.jsonl`, `history.jsonl`."""
    try:
        names = os.listdir(state_dir)
    except FileNotFoundError:
        return []
    turned = [name for name in names if name.startswith(TURNED) and name.endswith((".jsonl", ".jsonl.gz"))]
    whole = [name for name in turned if not (name.endswith(".gz") and name[: -len(".gz")] in turned)]
    return [f"{state_dir}/{name}" for name in [*sorted(whole, key=_order), *([NAME] if NAME in names else [])]]


def _order(name: str) -> tuple[str, int]:
    year, _, rest = name[len(TURNED) :].partition(".")
    number = rest.partition(".")[0]
    return year, int(number) if number.isdigit() else 0


def opened(path: str) -> BinaryIO | GzipFile:
    """One of files(), to read; who reads it must expect damage().  Raises OSError."""
    if not path.endswith(".gz"):
        try:
            return open(path, "rb")
        except FileNotFoundError:
            path += ".gz"  # it has just been packed, or it is not there
    import gzip

    return gzip.open(path)


def damage() -> tuple[type[Exception], ...]:
    """What the reading of a packed file raises that is not whole, or not packed."""
    import gzip
    import zlib

    return EOFError, zlib.error, gzip.BadGzipFile


def damaged(path: str, error: Exception) -> str:
    """The words for that."""
    return f"{path}: gzip cannot unpack it ({error})"
