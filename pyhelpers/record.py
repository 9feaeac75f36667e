"""What is written down about a server: STATE_DIR/servers/NAME/.

    record           who the server is, and what the shell remembers of it
    record.starting  in its place: that one is dead, and its successor is being started
    lock             held (flock) by the helper of the monitor that watches it; names its pid

A record is lines of `key value`; it ends in `end`, so a torn one is known as such.
It is never overwritten: a new file is written beside it and renamed.  That the two
take turns keeps a death cheap, too: no rename replaces a file, so ext4 has no reason
to write out its data there and then (30 microseconds instead of 120).
"""

from __future__ import annotations

import errno
import os
import time

KEYS = "name state pid ticks boot exe cwd sid uid started source mode port restarts memory last_exit message".split()
LAST = "end"


class Torn(Exception):
    """The record is not one of ours, or only a part of one; the text says why."""


def boot_id() -> str:
    """Which boot this is: start ticks mean nothing in another one."""
    with open("/proc/sys/kernel/random/boot_id") as source:
        return source.read().strip()


def read(directory: str) -> tuple[dict[str, str], bool]:
    """The record in this directory (all KEYS, "" where not known), and whether a start was on its way.

    {} where there is none.  A torn or alien one is put aside as NAME.bad and raises Torn.
    """
    for name, starting in (("record", False), ("record.starting", True)):
        path = os.path.join(directory, name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Torn(f"{path} cannot be read: {error.strerror}") from None
        with open(fd, "rb") as source:
            return _parse(path, source.read(1 << 16)), starting
    return {}, False


def _parse(path: str, raw: bytes) -> dict[str, str]:
    lines = raw.decode("utf-8", "surrogateescape").split("\n")
    if lines[-2:] != [LAST, ""]:
        os.replace(path, path + ".bad")
        raise Torn(f"{path} is torn or not a record; put aside as {path}.bad")
    found = dict.fromkeys(KEYS, "")
    for line in lines[:-2]:
        key, _, value = line.partition(" ")
        found[key] = value.replace("\\n", "\n").replace("\\\\", "\\")
    return found


def write(directory: str, fields: dict[str, str]) -> None:
    """Write the record.  Raises OSError (disk full, read-only): the old one is then still there."""
    _put(directory, "record", fields)
    _remove(f"{directory}/record.starting")


def mark_starting(directory: str, fields: dict[str, str]) -> None:
    """Say on disk that the one of these fields is dead and its successor is about to be started.  Raises OSError."""
    _put(directory, "record.starting", fields)
    _remove(f"{directory}/record")


def _put(directory: str, name: str, fields: dict[str, str]) -> None:
    lines = [f"{key} {_one_line(value)}\n" for key, value in fields.items() if value]
    raw = ("".join(lines) + LAST + "\n").encode("utf-8", "surrogateescape")
    fresh = f"{directory}/record.new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        whole = os.write(fd, raw) == len(raw)
    finally:
        os.close(fd)
    if not whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), fresh)
    os.rename(fresh, f"{directory}/{name}")


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _one_line(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n") if "\\" in value or "\n" in value else value


def iso_time(at: float) -> str:
    """Unix seconds as local time with milliseconds and offset: 2026-11-20T08:01:27.123+08:00 (ISO 8601)."""
    local = time.localtime(at)
    offset = time.strftime("%z", local)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{int(at % 1 * 1000):03d}{offset[:3]}:{offset[3:]}"
