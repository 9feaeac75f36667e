"""Which processes make up a server?  Its process, all that descend from it, and what of its session became ours.

    >>> tree(host, server.pid, server.sid)
    {812: ['S', '1', …], 901: […]}

By descent, never by name.  A child whose parent has ended is the child of the host, which is subreaper; its session
still says whose it was.  Source: proc(5), /proc/PID/stat and /proc/PID/task/TID/children.
"""

from __future__ import annotations

import os
import time

from proc import cause, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from loop.host import Host, Reaper
    from loop.loop import Loop
    from proc.server import Server

PPID, SESSION, THREADS, TICKS = 1, 3, 17, 19  # places in identity.stat_fields()
GENERATIONS = 64  # no sane descent is longer; a pid that is used again while we climb cannot lead us round for ever
ORPHANS_HOLD = 0.02  # seconds: servers that are looked at in one go share one look at the orphans


def tree(host: Host, server: Server) -> dict[int, list[str]]:
    """The stat fields of each process of the server by its pid, zombies too; {} once its process is gone."""
    found: dict[int, list[str]] = {}
    first = identity.stat_fields(server.pid)
    if not first or int(first[TICKS]) != server.ticks:
        return found
    unseen = {server.pid: first}
    if server.sid:
        unseen.update(_orphans_of(host, server.sid))
    while unseen:
        pid, fields = unseen.popitem()
        found[pid] = fields
        for child in _children(pid, int(fields[THREADS])):
            child_fields = identity.stat_fields(child) if child not in found else None
            if child_fields and child not in host.followed:
                unseen[child] = child_fields
    return found


def _children(pid: int, threads: int) -> list[int]:
    """Its children: each thread has those that it made."""
    if threads < 2:
        return identity.children(pid)
    try:
        tids = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [child for tid in tids for child in identity.children(pid, int(tid))]


def session_members(host: Reaper, sid: int, is_alive: bool = False) -> list[tuple[int, int]]:
    """Pid and start ticks of each living process of a session that a child of ours leads.

    By descent from that child, if it is alive, and from those of the session that became ours.
    """
    found: list[tuple[int, int]] = []
    unseen = [sid] if is_alive else []
    unseen += [orphan.pid for orphan in host.orphans(sid) if orphan.sid == sid]
    seen = set(unseen)
    while unseen:
        pid = unseen.pop()
        fields = identity.stat_fields(pid)
        if not fields or fields[0] in "ZX":
            continue
        if pid == sid or int(fields[SESSION]) == sid:  # it may not have made its session yet
            found.append((pid, int(fields[TICKS])))
        children = [child for child in _children(pid, int(fields[THREADS])) if child not in seen]
        seen.update(children)
        unseen += children
    return found


class Orphans:
    """The orphans that became ours, by session: one look at them for all servers that are looked at in one go."""

    def __init__(self) -> None:
        self._seen_at = 0.0
        self._by_session: dict[int, list[int]] = {}

    def of(self, host: Host, sid: int) -> dict[int, list[str]]:
        """Stat fields of those of that session, by pid."""
        now = time.monotonic()
        if now - self._seen_at > ORPHANS_HOLD:
            self._seen_at, self._by_session = now, {}
            for process in host.orphans():
                self._by_session.setdefault(process.sid, []).append(process.pid)
        found = {pid: identity.stat_fields(pid) for pid in self._by_session.get(sid, ())}
        return {pid: fields for pid, fields in found.items() if fields}


def _orphans_of(host: Host, sid: int) -> dict[int, list[str]]:
    orphans = host.shared.get("orphans")
    if not isinstance(orphans, Orphans):
        orphans = host.shared["orphans"] = Orphans()
    return orphans.of(host, sid)


def orphans(loop: Loop, not_these: Container[int], sid: int) -> Iterator[identity.Process]:
    """Our children that we did not make: as subreaper we are the parent of orphans.  Reaps the dead.

    not_these: pids of our children that are none; sid: 0, or the only session that matters.
    """
    for pid in identity.children(os.getpid()):
        if pid in not_these or pid in loop.errands or (sid and loop.ending.get(pid, sid) != sid):
            continue
        process = identity.look(pid)
        if process:
            yield process
        else:
            cause.of_child(pid)


def belongs(host: Host, pid: int, root: int, sid: int, is_others: Callable[[int], bool]) -> bool:
    """Is this process, a zombie perhaps, of the tree of the process root, or of the session sid, if not 0?

    An orphan of ours counts too where its session is no other server's: a daemon makes its own on its way.
    is_others: says so of a session.
    """
    me = os.getpid()
    for _ in range(GENERATIONS):
        fields = identity.stat_fields(pid)
        if pid == root or (fields and sid and int(fields[SESSION]) == sid):
            return True
        if not fields or pid in host.followed or pid in host.loop.errands:
            return False
        parent = int(fields[PPID])
        if parent == me:
            return not is_others(int(fields[SESSION]))
        pid = parent
    return False
