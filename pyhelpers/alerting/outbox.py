"""Which alerts wait, and where does each go once its hook has answered?

Reads the files that state/spool.py writes to new/, and moves each by one rename, after the outcome is known: a delivery
that is killed in between leaves the message in new/, to be handed over once more. What is no message of ours is put
aside as failed/NAME.torn, and never believed.

    $ cd pyhelpers; python3 -m alerting.outbox state/alerts
    msg_server  msg_server-812.death.sms  tries 3, next in 12 s

lists the messages that wait, in the order in which they go out. Exit status: 0, 1 there is no such spool, 2 usage.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import time
from typing import Any

from base.exits import FAILED, GOOD, USAGE
from config import values
from state import spool

FIRST_WAIT = 5.0  # seconds
LONGEST_WAIT = 300.0
_LARGEST_FILE = 8 << 20  # bytes; a digest of digest.MOST_SERVERS has half of that at most
_LONGEST_TEXT = 1 << 14  # characters of a field: one string of an environment may have 128 KiB
OPEN = ("not restarted", "not started")  # the actions of messages which say that a server is down
_KEPT_FILES = 1000  # in sent/ and in failed/
_KEPT_SECONDS = 30 * 86400.0
_STALE = 60.0  # seconds after which an unfinished file has no writer
_FAR = 1 << 33  # seconds: the year 2242; a time beyond was never written by a clock
_MAY_LACK = {**dict.fromkeys(spool.MORE, ""), "last_output": "", "tries": 0, "next": 0}
_NOT_OURS = (errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENODEV)


class Alien(Exception):
    """A file in new/ that is not a message of ours, or a part of one; the text says why."""


class Alert:
    """A message that waits. due: Unix seconds, when it may be tried; fields: what its file says, all present.

    calling: its hook is being called with it.
    """

    __slots__ = ("calling", "due", "fields", "hook", "id", "server")

    def __init__(self, fields: dict[str, Any], due: float) -> None:
        self.fields = fields
        self.due = due
        self.calling = False
        self.id: str = fields["id"]
        self.hook: str = fields["hook"]
        self.server: str = fields["server"]

    @property
    def lane(self) -> tuple[str, str, bool]:
        """Messages of one lane go out one after another; a digest of give-ups has one of its own."""
        return self.server, self.hook, self.is_digest and self.is_loud

    @property
    def order(self) -> tuple[float, str]:
        """Where it stands in its lane."""
        return float(self.fields["created"]), self.id

    @property
    def is_digest(self) -> bool:
        """Does it tell of several others?"""
        return "toll" in self.fields

    @property
    def is_notice(self) -> bool:
        """Does it tell of a hook that fails (alerting/failover.py)?  Of no server, so no digest can count it up."""
        return self.fields["event"] == "digest" and not self.is_digest

    @property
    def is_loud(self) -> bool:
        """Somebody gave up: it goes first, and at any time."""
        return self.fields["event"] == "give_up" or (self.is_digest and self.fields["action"] == "gave up")

    @property
    def is_open(self) -> bool:
        """Does it tell of a server that is down?"""
        return self.fields["action"] in OPEN

    def wait(self, now: float) -> float:
        """Seconds until it may be tried, 0: now. Longer than any wait that we set, a clock was put back: now."""
        left = self.due - now
        return left if 0 < left <= LONGEST_WAIT * 1.2 else 0.0


def names(alerts_dir: str) -> list[str]:
    """The files in new/; those that state/spool.py is still writing are left out."""
    now = time.time()
    return [name for name in os.listdir(f"{alerts_dir}/new") if not _is_unfinished(f"{alerts_dir}/new/{name}", now)]


def _is_unfinished(path: str, now: float) -> bool:
    if not (os.path.basename(path).startswith(".") and path.endswith(".tmp")):
        return False
    try:
        return abs(now - os.lstat(path).st_mtime) < _STALE
    except OSError:
        return True


def listed(alerts_dir: str, folder: str) -> list[Alert]:
    """The messages in a folder that can be read; none where there is no spool. Raises OSError."""
    found = []
    try:
        there = names(alerts_dir) if folder == "new" else os.listdir(f"{alerts_dir}/{folder}")
    except FileNotFoundError:
        return []
    for name in there:
        try:
            found.append(read(alerts_dir, name, folder))
        except (Alien, OSError):
            pass  # put aside, or gone
    return found


def read(alerts_dir: str, name: str, folder: str = "new") -> Alert:
    """Read one message; raises Alien, and OSError: it is gone or cannot be read now."""
    try:
        fd = os.open(f"{alerts_dir}/{folder}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _NOT_OURS:
            raise Alien(f"cannot be read as a file ({error.strerror})") from None
        raise
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise Alien("not a plain file")
        raw = os.read(fd, _LARGEST_FILE + 1)
    finally:
        os.close(fd)
    fields = _fields(name, raw)
    # Where a full disk kept the next try from being written, the file's time says it: see put_off.
    return Alert(fields, max(fields["next"], status.st_mtime))


def _fields(name: str, raw: bytes) -> dict[str, Any]:
    """Check what a file says, field by field; raises Alien."""
    if not raw or len(raw) > _LARGEST_FILE:
        raise Alien("too large" if raw else "empty")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise Alien("not JSON, or a part of it") from None
    if not isinstance(found, dict):
        raise Alien("not a JSON object")
    fields: dict[str, Any] = found
    for key, unknown in _MAY_LACK.items():
        fields.setdefault(key, unknown)
    for key in ("id", *spool.NEEDED, *spool.MORE, "last_output"):
        fields[key] = _text(key, fields.get(key))
    _require_numbers({"first_try": 0, **fields}, "created", "tries", "next", "first_try")
    merged = fields.get("merged", [])
    if not isinstance(merged, list) or not all(map(_is_file_name, merged)):
        raise Alien("no merged")
    if "toll" in fields:
        _require_digest(fields)
    if f"{fields['id']}.json" != name or not values.is_name(fields["hook"]):
        raise Alien("its name is not its id, or its hook cannot be one")
    return fields


def _require_digest(fields: dict[str, Any]) -> None:
    """Check what only a digest has (alerting/digest.py); raises Alien."""
    toll = fields["toll"]
    entries = list(toll.values()) if isinstance(toll, dict) else [None]
    if any(not isinstance(entry, list) or [type(part) for part in entry] != [int, str, str] for entry in entries):
        raise Alien("no toll")
    _require_numbers(fields, "told", "touched", "made")
    _text("last", fields.setdefault("last", ""))


def _require_numbers(fields: dict[str, Any], *keys: str) -> None:
    for key in keys:  # JSON as Python reads it knows Infinity and NaN
        if type(fields.get(key)) not in (int, float) or not 0 <= fields[key] < _FAR:
            raise Alien(f"no {key}")


def _is_file_name(found: object) -> bool:
    return isinstance(found, str) and not {"/", "\0"}.intersection(found) and _text("merged", found) == found


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise Alien(f"{key} is no text" if value is not None else f"no {key}")
    return value.encode("utf-8", "replace").decode("utf-8")  # JSON can spell halves of letters, UTF-8 cannot


def put_aside(alerts_dir: str, name: str) -> str:
    """Move what is no message of ours out of the way, over nothing; returns where it is now. Raises OSError."""
    short = os.fsdecode(os.fsencode(name.lstrip("."))[:200])  # a file name has 255 bytes at most
    place = f"{alerts_dir}/failed/{short}.torn"
    if os.path.lexists(place):
        place = f"{place}.{time.time_ns()}"
    os.rename(f"{alerts_dir}/new/{name}", place)
    return place


def settle(alerts_dir: str, alert: Alert, folder: str, output: str) -> None:
    """Move a message whose outcome is known to sent/ or failed/, then write its last output there.

    Raises OSError when it could not be moved; that its last words could not be written is let pass.
    """
    name = f"{alert.id}.json"
    os.rename(f"{alerts_dir}/new/{name}", f"{alerts_dir}/{folder}/{name}")
    alert.fields.update(tries=alert.fields["tries"] + 1, last_output=output)
    try:
        keep(alerts_dir, alert.fields, folder)
    except OSError:
        pass


def keep(alerts_dir: str, fields: dict[str, Any], folder: str) -> None:
    """Write a message into a folder, whole or not at all. Raises OSError."""
    text = json.dumps(fields, ensure_ascii=False) + "\n"
    spool.replace(f"{alerts_dir}/{folder}", f"{fields['id']}.json", text)


def lay_by(alerts_dir: str, identity: str) -> bool:
    """Move a message that another one tells to sent/, where it does not count; False: it stays in new/."""
    path = f"{alerts_dir}/sent/{identity}.json"
    try:
        os.rename(f"{alerts_dir}/new/{identity}.json", path)
        _set_time(path, 0)  # that marks it: see alerting/sent_log.py
    except FileNotFoundError:
        pass
    except OSError:
        return _remove(f"{alerts_dir}/new/{identity}.json")
    return True


def was_sent(alerts_dir: str, identity: str) -> bool:
    """Was it told by itself, as far as is remembered?"""
    try:
        return os.lstat(f"{alerts_dir}/sent/{identity}.json").st_mtime != 0
    except (OSError, ValueError):
        return False


def drop(alerts_dir: str, alert: Alert) -> bool:
    """Remove a message that was sent but can be moved nowhere, lest it is sent for ever; False: not even that."""
    return _remove(f"{alerts_dir}/new/{alert.id}.json")


def put_off(alerts_dir: str, alert: Alert, output: str | None) -> float:
    """Let a message wait for its next try: 5 s, doubling to 5 min. output: what its hook said, None: it had no say.

    Returns the seconds.

    Where that cannot be written (a full disk), the file's time is set instead, which needs no room, and the
    message waits as long as it is old: that doubles too.
    """
    now = time.time()
    tries = alert.fields["tries"] + 1
    wait: float = min(FIRST_WAIT * 2.0 ** min(tries - 1, 10), LONGEST_WAIT)
    fields = {**alert.fields, "tries": tries, "next": now + wait}
    fields.setdefault("first_try", now)
    fields["last_output"] = alert.fields["last_output"] if output is None else output
    path = f"{alerts_dir}/new/{alert.id}.json"
    try:
        if os.path.lexists(path):  # else somebody took it away while its hook ran
            keep(alerts_dir, fields, "new")
        alert.fields = fields
    except OSError:
        wait = min(max(wait, now - alert.order[0]), LONGEST_WAIT)
        _set_time(path, now + wait)
    alert.due = now + wait
    return wait


def _set_time(path: str, when: float) -> None:
    try:
        os.utime(path, (when, when), follow_symlinks=False)
    except OSError:
        pass  # then this run alone knows


def prune(alerts_dir: str) -> None:
    """Keep the newest files of sent/ and failed/: a thousand each, thirty days; those that were laid by go first."""
    oldest = time.time() - _KEPT_SECONDS
    for folder in ("sent", "failed"):
        for number, (_, moved, path) in enumerate(_newest_first(f"{alerts_dir}/{folder}")):
            if number >= _KEPT_FILES or moved < oldest:
                _remove(path)


def _newest_first(folder: str) -> list[tuple[bool, float, str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(((*_moved(entry), entry.path) for entry in entries), reverse=True)
    except OSError:
        return []  # nothing to prune there


def _moved(entry: os.DirEntry[str]) -> tuple[bool, float]:
    """Does it count, and when did it come here: a rename sets its ctime, and nobody can set that otherwise."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False, 0.0
    return status.st_mtime != 0, status.st_ctime


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        return False  # a directory, put there by someone, or a file system gone read-only
    return True


def main(words: list[str]) -> int:
    """List the messages that wait in ALERTS_DIR."""
    if len(words) != 1 or words[0].startswith("-"):
        print("usage: python3 -m alerting.outbox ALERTS_DIR", file=sys.stderr)
        return USAGE
    waiting = []
    try:
        for name in names(words[0]):
            try:
                waiting.append(read(words[0], name))
            except Alien as error:
                print(f"new/{name}: {error}", file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return FAILED
    for alert in sorted(waiting, key=lambda each: each.order):
        wait = alert.wait(time.time())
        print(f"{alert.server}  {alert.id}  tries {alert.fields['tries']}, next in {wait:.0f} s")
    return GOOD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
