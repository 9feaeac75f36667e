"""Read on in the history, from where an earlier program has stopped; however often it was turned over since then.

The history is only appended to, and turned over by a rename (state/turned_history.py): so all of it has been read when
the turned files that were there, and so many bytes of history.jsonl, have been read.  The name of a file says nothing:
what was history.jsonl is now the first turned file that is not known.  Its first line tells whether that is so, also
if someone has packed it, or has removed history.jsonl.
"""

from __future__ import annotations

import os

from state import whole_history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

LONGEST_HEAD = 400  # bytes of the first line: its time, pid and incident are in it


class Place:
    """How far the history has been read.

    done: the turned files that have been read, by name without .gz, and their size then; offset: bytes of the next file
    that have been read; head: how the first line of that one begins.  remark: for a person, on a file that is damaged.
    """

    __slots__ = ("done", "head", "offset", "remark")

    def __init__(self, kept: dict[str, Any]) -> None:
        """kept: what kept() has returned; {}: nothing has been read."""
        self.done: dict[str, int] = dict(kept.get("done", {}))
        self.offset = int(kept.get("offset", 0))
        self.head = str(kept.get("head", ""))
        self.remark = ""

    def kept(self) -> dict[str, Any]:
        """Values for JSON."""
        return {"done": self.done, "offset": self.offset, "head": self.head}

    def lines(self, state_dir: str) -> Iterator[bytes]:
        """Each whole line that has not been read; this place is behind a line when it is yielded.  Raises OSError."""
        turned, newest = _files(state_dir)
        try:
            names = [_bare(path) for path in turned]
            self.done = {name: size for name, size in self.done.items() if name in names}
            for path, name in zip(turned, names):
                yield from self._late(path, name) if name in self.done else self._of_turned(path, name)
            if newest:
                yield from self._of(newest)
        finally:
            if newest:
                newest.close()

    def _of_turned(self, path: str, name: str) -> Iterator[bytes]:
        try:
            with whole_history.opened(path) as source:
                yield from self._of(source)
        except FileNotFoundError:
            return  # someone has just removed it
        except whole_history.damage() as error:
            self.remark = f"{whole_history.damaged(path, error)}; what is behind that is not counted"
        self.done[name] = self.offset
        self.offset, self.head = 0, ""

    def _late(self, path: str, name: str) -> Iterator[bytes]:
        """What was written by one who had opened the file before it was turned over."""
        try:
            if path.endswith(".gz") or os.stat(path).st_size <= self.done[name]:
                return
            with open(path, "rb") as source:
                source.seek(self.done[name])
                for line in source:
                    if line.endswith(b"\n"):
                        self.done[name] += len(line)
                        yield line
        except FileNotFoundError:
            return  # it has just been packed

    def _of(self, source: Any) -> Iterator[bytes]:
        first = source.readline()
        head = first[:LONGEST_HEAD].decode("utf-8", "replace")
        if not first.endswith(b"\n"):
            return
        if head != self.head:
            self.offset, self.head = 0, head
        source.seek(self.offset)
        for line in source:
            if not line.endswith(b"\n"):
                return  # the shell is writing it, or a disk was full
            self.offset += len(line)
            yield line


def _bare(path: str) -> str:
    return os.path.basename(path).removesuffix(".gz")


def _files(state_dir: str) -> tuple[list[str], BinaryIO | None]:
    """The paths of the turned files, the oldest first; and history.jsonl, opened, as it was when these were all."""
    path = f"{state_dir}/{whole_history.NAME}"
    while True:
        try:
            newest = open(path, "rb")  # noqa: SIM115 the caller closes it
        except FileNotFoundError:
            newest = None
        turned = [each for each in whole_history.files(state_dir) if each != path]
        if _is_same(path, newest):
            return turned, newest
        if newest:
            newest.close()


def _is_same(path: str, opened: BinaryIO | None) -> bool:
    """Has it not been turned over since we opened it?"""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return opened is None
    return opened is not None and os.path.samestat(there, os.fstat(opened.fileno()))
