"""Which way did a restart take?  Hops out of what the kernel saw of the helper, the shell and the server.

    >>> round_trip(lines, cast)
    {'the process ended': 81000, 'the helper ran': 225000, ...}

A hop is a call that returned, or began, or an event of the scheduler, and what it was about is known by its descriptor.
No order is taken for granted: a hop has the time at which it was, and one that was not is left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LINE = re.compile(r"^.*-(?P<pid>\d+) +\[\d+\] \S+ +(?P<s>\d+)\.(?P<us>\d{6}): (?P<name>\w+)(?P<rest>.*)$")
HEX = re.compile(r"(\w+): (?:0x)?([0-9a-f]+)\b")  # of a call that begins
DECIMAL = re.compile(r"(\w+)=(-?\d+)\b")  # of the scheduler
RETURNED = re.compile(r"^ -> 0x([0-9a-f]+)$")
WNOWAIT = 0x1000000  # wait.h
F_DUPFD, F_DUPFD_CLOEXEC = 0, 1030  # fcntl.h
SHOWN = {"sched_process_exit": "end", "sched_process_exec": "exec"}
FORKS = ("clone", "clone3", "fork", "vfork")
MOVES = ("getdents64", "rename", "renameat", "renameat2")


class Cast(NamedTuple):
    """Who takes part in a restart.

    server: the pid that is killed; successor: the one that follows.  files: which descriptors of the shell and of the
    helper are `events`, `orders` and `pidfd`, by pid.  waiting: the descriptor on which each of them waits.
    began, ended: the SIGKILL, and the stamp of the first instruction, in ns on CLOCK_MONOTONIC.
    """

    shell: int
    helper: int
    server: int
    successor: int
    files: dict[int, dict[int, str]]
    waiting: dict[int, int]
    began: int
    ended: int


class Seen(NamedTuple):
    """Something that the kernel saw.  at: when it was over, ns; since: when it began; of: of which file or process."""

    pid: int
    what: str
    of: str
    since: int
    at: int


class Hop(NamedTuple):
    """One hop.  who: of Cast; what, of: as in Seen; begins: it is the begin that counts, not the end.

    before: it is the last one before that other hop, else the first one of all.
    """

    title: str
    who: str
    what: tuple[str, ...]
    of: str = ""
    begins: bool = False
    before: str = ""


FIRST = "its first instruction"
HOPS = (
    Hop("the process ended", "server", ("end",)),
    Hop("the helper ran", "helper", ("run",), before="epoll returned"),
    Hop("epoll returned", "helper", ("epoll_wait", "epoll_pwait")),
    Hop("the cause was known (waitid)", "helper", ("waitid",), "look"),
    Hop("the pidfd was let go", "helper", ("close",), "pidfd"),
    Hop("the event was written", "helper", ("write",), "events"),
    Hop("the shell ran", "shell", ("run",), before="the shell had the first byte"),
    Hop("the shell had the first byte", "shell", ("read",), "events"),
    Hop("the shell had the event", "shell", ("read",), "events", before="the shell had decided"),
    Hop("the shell had decided", "shell", ("write",), "orders", begins=True),
    Hop("the order was written", "shell", ("write",), "orders"),
    Hop("the process was reaped (waitid)", "helper", ("waitid",), "reap"),
    Hop("the order was read", "helper", ("read",), "orders"),
    Hop("the record was written", "helper", ("write",), "record"),
    Hop("the directory was open", "helper", ("openat",), "directory", before="the spawn began"),
    Hop("the logs were moved", "helper", MOVES, before="the spawn began"),
    Hop("the spawn began", "helper", FORKS, begins=True, before="the new process was there"),
    Hop("the new process was there", "helper", ("forked",), "successor"),
    Hop("the program was executed", "successor", ("exec",)),
)


def round_trip(lines: Iterable[str], cast: Cast) -> dict[str, int]:
    """The ns from the SIGKILL to each hop, by title, in the order in which they were; FIRST is always among them."""
    seen = [one for one in _seen(lines, cast) if one.at >= cast.began]
    found = {FIRST: cast.ended - cast.began}
    for hop in sorted(HOPS, key=_anchors):
        at = _when(hop, seen, cast, found)
        if at is not None:
            found[hop.title] = at - cast.began
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def _anchors(hop: Hop) -> int:
    """How many hops must be known before this one can be."""
    return 1 + _anchors(next(other for other in HOPS if other.title == hop.before)) if hop.before else 0


def _when(hop: Hop, seen: list[Seen], cast: Cast, found: dict[str, int]) -> int | None:
    pid = getattr(cast, hop.who)
    fit = [one for one in seen if one.pid == pid and one.what in hop.what and hop.of in ("", one.of)]
    times = [one.since if hop.begins else one.at for one in fit]
    if hop.before:
        until = cast.began + found.get(hop.before, found[FIRST])
        return max((at for at in times if at <= until), default=None)
    return min(times, default=None)


# -- what the kernel saw ---------------------------------------------------------------------------


def _seen(lines: Iterable[str], cast: Cast) -> Iterator[Seen]:
    """Each call when it has returned, and each event of the scheduler, with the file or process that it is about."""
    files = {pid: dict(known) for pid, known in cast.files.items()}
    begun = {pid: (cast.began, {"fd": fd}) for pid, fd in cast.waiting.items()}  # before the trace
    for match in filter(None, map(LINE.match, lines)):
        pid, name, rest = int(match["pid"]), match["name"], match["rest"]
        at = int(match["s"]) * 1_000_000_000 + int(match["us"]) * 1000
        returned = RETURNED.match(rest)
        if returned:
            since, words = begun.pop(pid, (at, {}))
            result = int(returned[1], 16)
            if result < 1 << 63 and (name != "sys_waitid" or words.get("upid") == cast.server):
                yield Seen(pid, name[4:], _follow(name[4:], words, result, files.setdefault(pid, {})), since, at)
        elif name.startswith("sys_"):
            begun[pid] = at, {key: int(value, 16) for key, value in HEX.findall(rest)}
        else:
            yield from _scheduled(name, {key: int(value) for key, value in DECIMAL.findall(rest)}, cast, at)


def _scheduled(name: str, words: dict[str, int], cast: Cast, at: int) -> Iterator[Seen]:
    if name == "sched_switch":
        yield Seen(words["next_pid"], "run", "", at, at)
    elif name == "sched_process_fork":
        child = "successor" if words["child_pid"] == cast.successor else "child"
        yield Seen(words["pid"], "forked", child, at, at)
    elif name in SHOWN:
        yield Seen(words["pid"], SHOWN[name], "", at, at)


def _follow(name: str, words: dict[str, int], result: int, files: dict[int, str]) -> str:
    """Which file, or what of a process, the call was about; files: of its process, kept up to date here."""
    fd = words.get("fd", words.get("fildes", words.get("oldfd", -1)))
    of = files.get(fd, "")
    if name == "waitid":
        return "look" if words["options"] & WNOWAIT else "reap"
    if name == "openat":
        of = files[result] = _opened(words.get("flags", 0))
    elif name in ("dup2", "dup3") or (name == "fcntl" and words.get("cmd") in (F_DUPFD, F_DUPFD_CLOEXEC)):
        files[result] = of
    elif name == "close":
        files.pop(fd, None)
    return of


def _opened(flags: int) -> str:
    """What a file is, by how it was opened: no trace has the names."""
    if flags & os.O_APPEND and flags & os.O_NOFOLLOW:
        return "record"
    return "directory" if flags & os.O_PATH and flags & os.O_DIRECTORY else ""
