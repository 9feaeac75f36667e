"""Which process guards the monitor?  The guard's ProcessInfo from STATE_DIR/guard, checked against living processes.

    $ ./monitor.sh status --guard
    [ProcessInfo parent_id=811 main_id=812 parent_start_time=2026-11-20 08:01:27 main_start_time=… restart_count=1]
    $ ./monitor.sh status --guard --json
    {"parent_id": 811, "main_id": 812, "parent_start_time": 1795132887, "main_start_time": …, "restart_count": 1}

Then come the figures of each monitor that runs, see state/lag.py: in JSON those of the guarded one, as `lag`.

    [Lag monitor=812 loop=0.003s mailbox=0s late=0.001s delivery=0s missed=0]

Times in JSON are Unix seconds.  Exit, after the LSB: 0 both live · 1 the guard is dead, but its file exists ·
3 the monitor has no guard, or its guard is restarting it · 4 we may not read the file, or no guard wrote it.
"""

from __future__ import annotations

import os
import re
import time

from base.exits import NO_PERMISSION, Refused
from guard import ProcessInfo
from proc import identity
from state import lag

GUARDED, GUARD_IS_DEAD, NOT_GUARDED = 0, 1, 3
CLOCK = "%Y-%m-%d %H:%M:%S"


def show(state_dir: str, as_json: bool) -> int:
    """Print the ProcessInfo; return the exit status.  Raises Refused."""
    path = f"{state_dir}/guard"
    try:
        text = _read(path)
    except Refused:
        if not as_json:
            _show_lag(state_dir)
        raise
    info = _parse(text)
    if info is None:
        raise Refused(NO_PERMISSION, f"{path}: not the file of a guard; remove it")
    if as_json:
        import json

        fields: dict[str, object] = {field: getattr(info, field) for field in info.FIELDS}
        figures: dict[str, int | None] = dict(lag.read(f"{state_dir}/monitors/{info.main_id}") or {})
        print(json.dumps({**fields, "lag": {**figures, "delivery_ms": _delivery_ms(state_dir)}}))
    else:
        print(text)
        _show_lag(state_dir)
    if not is_guard(info.parent_id):
        raise Refused(GUARD_IS_DEAD, _without_guard(state_dir, info))
    if not is_monitor(state_dir, info.main_id):
        raise Refused(NOT_GUARDED, "the monitor has ended; its guard starts it again within 5s")
    return GUARDED


def _show_lag(state_dir: str) -> None:
    """A line for each monitor that lives and has looked at its servers for an interval."""
    try:
        pids = sorted(int(name) for name in os.listdir(f"{state_dir}/monitors") if name.isdigit())
    except OSError:
        return  # there was none yet, or we may not look
    for pid in pids:
        figures = lag.read(f"{state_dir}/monitors/{pid}")
        if figures and is_monitor(state_dir, pid):
            loop, mailbox, late, missed, _ = figures.values()
            delivery = _delivery_ms(state_dir) or 0
            print(
                f"[Lag monitor={pid} loop={loop / 1000:g}s mailbox={mailbox / 1000:g}s late={late / 1000:g}s "
                f"delivery={delivery / 1000:g}s missed={missed}]"
            )


def _delivery_ms(state_dir: str) -> int | None:
    """For how long the oldest alert has been waiting, 0 if none does; None: we may not look."""
    from alerting import outbox

    try:
        created = [float(alert.fields["created"]) for alert in outbox.listed(f"{state_dir}/alerts", "new")]
    except OSError:
        return None
    return int(max(0.0, time.time() - min(created)) * 1000) if created else 0


def read(state_dir: str) -> ProcessInfo | None:
    """What the guard's file says; None: it is not there, or not a guard's.  Raises Refused: not readable."""
    try:
        return _parse(_read(f"{state_dir}/guard"))
    except Refused as refused:
        if refused.status == NOT_GUARDED:
            return None
        raise


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read(1024).strip()
    except FileNotFoundError:
        raise Refused(NOT_GUARDED, "no guard: the monitor was not started with -d") from None
    except OSError as error:
        raise Refused(NO_PERMISSION, f"{path}: {error.strerror}") from None


def _without_guard(state_dir: str, info: ProcessInfo) -> str:
    if is_monitor(state_dir, info.main_id):
        return "the guard is dead: the monitor goes on without one; to have one again: ./monitor.sh shutdown, then -d"
    return "guard and monitor are dead; start them with ./monitor.sh -d"


def _parse(text: str) -> ProcessInfo | None:
    """Parse the output of str(ProcessInfo); None if text is something else."""
    patterns = (
        f"{field}=({'[-0-9]+ [:0-9]+' if field.endswith('time') else '[0-9]+'})" for field in ProcessInfo.FIELDS
    )
    found = re.fullmatch(rf"\[ProcessInfo {' '.join(patterns)}\]", text)
    try:
        return ProcessInfo([_number(value) for value in found.groups()]) if found else None
    except ValueError:
        return None


def _number(value: str) -> int:
    return int(value) if value.isdigit() else int(time.mktime(time.strptime(value, CLOCK)))


def is_guard(pid: int) -> bool:
    """Is pid a guard?  The start time in the file proves nothing, because the wall clock may have been set."""
    process = identity.look(pid)
    return process is not None and any(os.path.basename(word) == "guard_main.py" for word in process.argv()[:8])


def is_monitor(state_dir: str, pid: int) -> bool:
    """Is it a monitor that lives, with this state directory?"""
    return identity.look(pid) is not None and os.path.isdir(f"{state_dir}/monitors/{pid}")
