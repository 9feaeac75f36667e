"""Which alerts wait, and where does each go after its hook has answered?

Reads the files that state/spool.py writes to new/, and moves each by one rename after the hook has answered. A delivery
that is killed before leaves the message in new/, and the next one sends it again. A file that is no message of ours is
moved to failed/NAME.torn and not used.

    $ cd pyhelpers; python3 -m alerting.outbox state/alerts
    msg_server  msg_server-812.death.sms  tries 3, next in 12 s

lists the waiting messages in the order of delivery. Exit status: 0, 1 no such spool, 2 usage.
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
_LARGEST_FILE = 8 << 20  # bytes; a digest of digest.MOST_SERVERS has at most half of that
_LONGEST_TEXT = 1 << 14  # characters of a field; Linux allows 128 KiB for one string of an environment
OPEN = ("not restarted", "not started")  # the actions of messages about a server that is down
_KEPT_FILES = 1000  # in sent/ and in failed/
_KEPT_SECONDS = 30 * 86400.0
_STALE = 60.0  # seconds after which an unfinished file has no writer
_FAR = 1 << 33  # seconds: the year 2242; a later time is not the time of any clock
_MAY_LACK = {**dict.fromkeys(spool.MORE, ""), "last_output": "", "tries": 0, "next": 0}
_NOT_OURS = (errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENODEV)


class Alien(Exception):
    """A file in new/ is no message of ours, or an incomplete one; the text says why."""


class Alert:
    """A waiting message. due: Unix seconds, when we may try it; fields: the complete content of its file.

    calling: a call of its hook is running.
    """

    __slots__ = ("calling", "due", "fields", "hook", "id", "kept_in", "label", "server")

    def __init__(self, fields: dict[str, Any], due: float) -> None:
        self.fields = fields
        self.due = due
        self.calling = False
        self.id: str = fields["id"]
        self.hook: str = fields["hook"]
        self.server: str = fields["server"]
        self.kept_in: str = fields.get("kept_in") or self.server
        self.label = f"{self.server} in {fields['dir']}" if fields.get("dir") else self.server

    @property
    def lane(self) -> tuple[str, str, bool]:
        """Server, hook, and whether it is a digest of give-ups: messages of one lane are sent one after another."""
        return self.server, self.hook, self.is_digest and self.is_loud

    @property
    def order(self) -> tuple[float, str]:
        """The sort key within its lane."""
        return float(self.fields["created"]), self.id

    @property
    def is_digest(self) -> bool:
        """Does it combine several messages?"""
        return "toll" in self.fields

    @property
    def is_notice(self) -> bool:
        """Does it report a failing hook (alerting/failover.py)?  It names no server, so no digest takes it in."""
        return self.fields["event"] == "digest" and not self.is_digest

    @property
    def is_loud(self) -> bool:
        """Does it report a give-up?  Then it is sent first, and at any time."""
        return self.fields["event"] == "give_up" or (self.is_digest and self.fields["action"] == "gave up")

    @property
    def is_open(self) -> bool:
        """Does it report a server that is down?"""
        return self.fields["action"] in OPEN

    def wait(self, now: float) -> float:
        """Seconds until we may try it; 0: now. If they exceed the longest wait, the clock was set back: also 0."""
        left = self.due - now
        return left if 0 < left <= LONGEST_WAIT * 1.2 else 0.0


def names(alerts_dir: str) -> list[str]:
    """The names of the files in new/, without those that state/spool.py is still writing."""
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
    """The readable messages in a folder; [] if there is no spool. Raises OSError."""
    found = []
    try:
        there = names(alerts_dir) if folder == "new" else os.listdir(f"{alerts_dir}/{folder}")
    except FileNotFoundError:
        return []
    for name in there:
        try:
            found.append(read(alerts_dir, name, folder))
        except (Alien, OSError):
            pass  # not a message, or gone
    return found


def read(alerts_dir: str, name: str, folder: str = "new") -> Alert:
    """Read one message. Raises Alien, and OSError if it is gone or cannot be read now."""
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
    # If a full disk prevented writing the time of the next try, the file's mtime holds it: see put_off.
    return Alert(fields, max(fields["next"], status.st_mtime))


def _fields(name: str, raw: bytes) -> dict[str, Any]:
    """Parse a file and check each field. Raises Alien."""
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
        raise Alien("its file name is not its id, or its hook has no valid name")
    return fields


def _require_digest(fields: dict[str, Any]) -> None:
    """Check the fields that only a digest has (alerting/digest.py). Raises Alien."""
    toll = fields["toll"]
    entries = list(toll.values()) if isinstance(toll, dict) else [None]
    if any(not isinstance(entry, list) or [type(part) for part in entry] != [int, str, str] for entry in entries):
        raise Alien("no toll")
    _require_numbers(fields, "told", "touched", "made")
    _text("last", fields.setdefault("last", ""))


def _require_numbers(fields: dict[str, Any], *keys: str) -> None:
    for key in keys:  # Python's JSON reader accepts Infinity and NaN
        if type(fields.get(key)) not in (int, float) or not 0 <= fields[key] < _FAR:
            raise Alien(f"no {key}")


def _is_file_name(found: object) -> bool:
    return isinstance(found, str) and not {"/", "\0"}.intersection(found) and _text("merged", found) == found


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise Alien(f"{key} is no text" if value is not None else f"no {key}")
    return value.encode("utf-8", "replace").decode("utf-8")  # JSON can hold lone surrogates, UTF-8 cannot


def put_aside(alerts_dir: str, name: str) -> str:
    """Move a file that is no message to failed/, without overwriting; return its new path. Raises OSError."""
    short = os.fsdecode(os.fsencode(name.lstrip("."))[:200])  # a file name has 255 bytes at most
    place = f"{alerts_dir}/failed/{short}.torn"
    if os.path.lexists(place):
        place = f"{place}.{time.time_ns()}"
    os.rename(f"{alerts_dir}/new/{name}", place)
    return place


def settle(alerts_dir: str, alert: Alert, folder: str, output: str) -> None:
    """Move a message to sent/ or failed/ after its call, then write its last output there.

    Raises OSError if it cannot be moved; ignores an error in writing the output.
    """
    name = f"{alert.id}.json"
    os.rename(f"{alerts_dir}/new/{name}", f"{alerts_dir}/{folder}/{name}")
    alert.fields.update(tries=alert.fields["tries"] + 1, last_output=output)
    try:
        keep(alerts_dir, alert.fields, folder)
    except OSError:
        pass


def keep(alerts_dir: str, fields: dict[str, Any], folder: str) -> None:
    """Write a message into a folder, completely or not at all. Raises OSError."""
    text = json.dumps(fields, ensure_ascii=False) + "\n"
    spool.replace(f"{alerts_dir}/{folder}", f"{fields['id']}.json", text)


def lay_by(alerts_dir: str, identity: str) -> bool:
    """Move a message to sent/ because another one includes it; it does not count as sent. False: it stays in new/."""
    path = f"{alerts_dir}/sent/{identity}.json"
    try:
        os.rename(f"{alerts_dir}/new/{identity}.json", path)
        _set_time(path, 0)  # marks it as not counted: see alerting/sent_log.py
    except FileNotFoundError:
        pass
    except OSError:
        return _remove(f"{alerts_dir}/new/{identity}.json")
    return True


def was_sent(alerts_dir: str, identity: str) -> bool:
    """Was the message sent by itself?  False also if sent/ no longer has it."""
    try:
        return os.lstat(f"{alerts_dir}/sent/{identity}.json").st_mtime != 0
    except (OSError, ValueError):
        return False


def drop(alerts_dir: str, alert: Alert) -> bool:
    """Remove a sent message that cannot be moved, so that it is not sent again; False if that fails too."""
    return _remove(f"{alerts_dir}/new/{alert.id}.json")


def put_off(alerts_dir: str, alert: Alert, output: str | None) -> float:
    """Let a message wait for its next try: 5 s, doubling to 5 min; return the seconds.

    output: what its hook printed; None if the hook was not called.

    If this cannot be written (a full disk), we set the file's mtime instead, which needs no space; the message then
    waits as long as its age, which doubles too.
    """
    now = time.time()
    tries = alert.fields["tries"] + 1
    wait: float = min(FIRST_WAIT * 2.0 ** min(tries - 1, 10), LONGEST_WAIT)
    fields = {**alert.fields, "tries": tries, "next": now + wait}
    fields.setdefault("first_try", now)
    fields["last_output"] = alert.fields["last_output"] if output is None else output
    path = f"{alerts_dir}/new/{alert.id}.json"
    try:
        if os.path.lexists(path):  # otherwise someone removed it while its hook ran
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
        pass  # then only this run knows the time


def prune(alerts_dir: str) -> None:
    """Keep the newest files of sent/ and failed/: a thousand each, for thirty days; remove uncounted ones first."""
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
    """Does it count as sent, and when was it moved here?  The rename set its ctime, which no program can forge."""
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
    """List the waiting messages in ALERTS_DIR."""
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
