"""One after another: `restart --rolling`, `restart --overlap`, `drill --rolling`.

The next servers are taken only when the last ones are RUNNING and healthy: a server is RUNNING only after its check has
passed, and READY=1 has come where it says that.  The first that is not ends it, and we say what runs what.  An order
concerns one server, so a command that is killed leaves nothing half done but the servers in hand.
"""

from __future__ import annotations

import json
import os
import time
from datetime import datetime

from base.exits import FAILED, GOOD, USAGE, Refused
from proc import drift, evidence
from state import record, whole_history
from state.lock import mailbox_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from operate.target import Target

HISTORY_TAIL = 1 << 16
WORDS = {"restart": ("--rolling", "--overlap"), "drill": ("--rolling",)}  # who takes which


class Manner:
    """How an order is carried out.  rolling: at_once servers at a time; overlap: each beside its old process."""

    def __init__(self) -> None:
        self.rolling = self.overlap = False
        self.at_once = 1

    @classmethod
    def taken(cls, word: str, words: list[str]) -> tuple[Manner, list[str]]:
        """The manner that the leading options ask for, and the other words.  Raises Refused."""
        found = cls()
        rest, at_once = list(words), ""
        while rest and (rest[0] in WORDS.get(word, ()) or (rest[0] == "--at-once" and word == "restart")):
            option = rest.pop(0)
            if option == "--at-once":
                at_once = rest.pop(0) if rest else "nothing"
                found.at_once = _number(at_once)
            found.overlap = found.overlap or option == "--overlap"
            found.rolling = found.rolling or option in ("--rolling", "--overlap")
        if at_once and not found.rolling:
            raise Refused(USAGE, f"{word} --at-once goes with --rolling")
        return found, rest


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 10_000:
        raise Refused(USAGE, f"--at-once needs a number from 1, not {text}")
    return int(text)


def roll(targets: list[Target], at_once: int, carry_out: Callable[[list[Target]], int]) -> int:
    """Carry it out for so many at once; return the exit status: that of the first that has failed."""
    for first in range(0, len(targets), at_once):
        status = carry_out(targets[first : first + at_once])
        if status != GOOD:
            if len(targets) > 1:
                print("\n".join(["stopped there:", *(f"  {_as_it_is(target)}" for target in targets)]), flush=True)
            return status
    return GOOD


def _as_it_is(target: Target) -> str:
    """What runs now, and with which conf: that which its monitor uses, or an earlier one."""
    known = target.known()
    process = evidence.recorded(known, record.boot_id())
    if not process or known["state"] != "RUNNING":
        why = known["message"] or known["last_exit"] or "-"
        return f"{target.server.shown}: state {known['state'] or 'unknown'}, {why}"
    is_new = (known["pid"], known["ticks"]) != (target.before["pid"], target.before["ticks"])
    began = float(known["started"] or 0)
    words = (
        f"{target.server.shown}: {'restarted' if is_new else 'not restarted'}, pid {process.pid} since {_clock(began)}"
    )
    drifted = drift.objection(known, process, target.server)
    return words + _version(target, began) + (drifted and f"; {drifted}")


def _version(target: Target, began: float) -> str:
    try:
        read_at = os.stat(f"{os.path.dirname(mailbox_of(target.directory, target.monitor))}/settled").st_mtime
    except OSError:
        return ""
    return f", {'with' if began >= read_at else 'from before'} the conf that the monitor read at {_clock(read_at)}"


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


class Failure:
    """Has a start failed since an order was given?  A plain restart waits on: the monitor tries again."""

    def __init__(self) -> None:
        self._since = time.time()
        self._seen: dict[str, int] = {}  # how long history was at the last look at a server

    def of(self, target: Target) -> str:
        """Why its start has failed; "" if it has not, as far as we know."""
        known = target.known()
        if known["state"] == "BACKOFF":
            return known["message"] or "it does not stay up"
        try:
            size = os.stat(f"{target.state_dir}/history.jsonl").st_size
        except OSError:
            return ""
        if size == self._seen.get(target.directory):
            return ""
        self._seen[target.directory] = size
        return next(filter(None, (self._told(line, target) for line in self._lines(target))), "")

    def _lines(self, target: Target) -> list[bytes]:
        lines = whole_history.newest(target.state_dir, HISTORY_TAIL)
        return [line for line in lines if b'"event":"start_failed"' in line]

    def _told(self, line: bytes, target: Target) -> str:
        told = json.loads(line)
        is_its = told["server"] == target.name and told.get("dir", target.server.place) == target.server.place
        return str(told["detail"]) if is_its and datetime.fromisoformat(told["time"]).timestamp() > self._since else ""


def refuse(target: Target, failure: Failure | None) -> None:
    """Raises Refused if its start has failed."""
    why = failure.of(target) if failure else ""
    if why:
        raise Refused(FAILED, f"not restarted well: {why}")
