"""The words of alive.py for people: `check` and `find`."""

from __future__ import annotations

import os
import sys

from base.suite import PROGRAMS, ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

ALIVE, NOT_ALIVE, USAGE, UNKNOWN = 0, 1, 2, 4


def check(pid: int, words: Sequence[str]) -> dict[str, Any]:
    """The facts about one pid: alive (True, False, None for unknown), why, and its identity."""
    import psutil

    from proc import identity

    process = identity.look(pid)
    if process is None:
        zombie = psutil.pid_exists(pid)
        return {"pid": pid, "alive": False, "why": "is a zombie" if zombie else "does not exist"}
    if not process.exe and os.geteuid() not in (0, identity.real_uid(pid)):
        return {"pid": pid, "alive": None, "why": "may not be examined; ask as root or as its user"}
    if not identity.shows(process, words, ""):
        return {"pid": pid, "alive": False, "why": f"is {os.path.basename(process.exe)}, not {' '.join(words)}"}
    return {"pid": pid, "alive": True, "why": "", **_facts(psutil.Process(pid), process.ticks)}


def _facts(process: Any, ticks: int) -> dict[str, Any]:
    import psutil

    def known(ask: Any) -> Any:
        try:
            return ask()
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            return None

    return {
        "ticks": ticks,
        "exe": known(process.exe),
        "cwd": known(process.cwd),
        "user": known(process.username),
        "state": known(process.status),
        "started": known(process.create_time),
        "command": known(process.cmdline),
    }


def find(words: Sequence[str], cwd: str) -> list[dict[str, Any]]:
    """Every living process that shows the words (and runs in cwd, if one is given), oldest first."""
    import psutil

    from proc import identity

    us = {os.getpid(), os.getppid()}
    looked = (identity.look(pid) for pid in psutil.pids() if pid not in us)
    fit = [
        process
        for process in looked
        if process and process.exe and (not cwd or process.cwd == cwd) and identity.shows(process, words, "")
    ]
    fit.sort(key=lambda process: process.ticks)
    return [check(process.pid, words) for process in fit]


def _print(found: list[dict[str, Any]], as_json: bool, brief: bool) -> None:
    import time

    if as_json:
        import json

        print(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        if brief:
            print(one["pid"], one.get("exe") or "?")
        elif one["alive"]:
            since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["started"]))
            print(f"{one['pid']} is alive: {one['exe']}, in {one['cwd']}, since {since}")
        else:
            print(f"{one['pid']} {one['why']}")


def _check_main(words: list[str], as_json: bool) -> int:
    if len(words) < 2 or not words[0].isdigit():
        return _usage("check needs a PID and at least one MATCH")
    found = check(int(words[0]), words[1:])
    _print([found], as_json, brief=False)
    return {True: ALIVE, False: NOT_ALIVE, None: UNKNOWN}[found["alive"]]


def _find_main(words: list[str], as_json: bool) -> int:
    cwd = ""
    if words[:1] == ["--cwd"]:
        cwd = os.path.realpath(words[1]) if len(words) > 1 else ""
        words = words[2:]
    if not words:
        return _usage("find needs at least one MATCH")
    found = [one for one in find(words, cwd) if one["alive"]]
    _print(found, as_json, brief=True)
    return ALIVE if found else NOT_ALIVE


def _usage(what: str) -> int:
    print(f"alive.py: {what}", file=sys.stderr)
    print("Usage: alive.py check [--json] PID MATCH... | find [--json] [--cwd DIR] MATCH...", file=sys.stderr)
    return USAGE


def _in_venv(argv: Sequence[str]) -> None:
    """Execute alive.py again in the suite's .venv, which has psutil; return if monitor.sh has not made one."""
    venv = f"{ROOT}/.venv"
    if os.path.realpath(sys.prefix) != venv and os.access(f"{venv}/bin/python", os.X_OK):
        os.execv(f"{venv}/bin/python", [f"{venv}/bin/python", "-E", "-s", f"{PROGRAMS}/alive.py", *argv])


def answer(argv: Sequence[str]) -> int:
    """Answer `check ...` or `find ...`; returns the exit status."""
    word = argv[0] if argv else ""
    as_json = "--json" in argv
    words = [text for text in argv[1:] if text != "--json"]
    if word not in ("check", "find"):
        return _usage(f"no such word: {word}" if word else "check or find?")
    try:
        import psutil  # noqa: F401
    except ImportError:
        _in_venv(argv)
        print(
            "alive.py: psutil is missing; run ./monitor.sh check once, or: apt install python3-psutil", file=sys.stderr
        )
        return UNKNOWN
    return _check_main(words, as_json) if word == "check" else _find_main(words, as_json)
