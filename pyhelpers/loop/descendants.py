"""Which processes make up a server?  Its process and all descendants.

    >>> tree(host, server)
    {812: ['S', '1', …], 901: […]}

Membership needs proof; a name is none.  A child whose parent has ended becomes the child of the host, which is
subreaper; proc/descent.py proves which server it came from.
Source: proc(5), /proc/PID/stat and /proc/PID/task/TID/children.
"""

from __future__ import annotations

import os
import time

from proc import cause, descent, identity
from proc.descent import PPID, SESSION, TICKS, Descent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from loop.host import Host, Reaper
    from loop.loop import Loop
    from proc.server import Server

THREADS = 17  # place in identity.stat_fields()
GENERATIONS = 64  # no real ancestry is longer; a pid that is reused while we climb cannot lead us round endlessly
ORPHANS_HOLD = 0.02  # seconds: servers that we examine in one go share one look at the orphans


def tree(host: Host, server: Server) -> dict[int, list[str]]:
    """The stat fields of each process of the server by its pid, zombies too; {} once its process is gone."""
    first = server.is_seen()
    if not first:
        return {}
    roots = {server.pid: first}
    for pid in _orphans_of(host, server):
        fields = identity.stat_fields(pid)
        if fields:
            roots[pid] = fields
    return _grown(host, roots)


def remember(host: Host, server: Server) -> None:
    """Note its descendants while it lives: after its death that may be the only proof."""
    found = {pid: int(fields[TICKS]) for pid, fields in tree(host, server).items()}
    found.pop(server.pid, None)
    living = {pid: ticks for pid, ticks in server.kids.items() if identity.ticks_of(pid) == ticks}
    server.kids = {**living, **found}


def with_theirs(host: Reaper, roots: dict[int, int]) -> dict[int, int]:
    """Pid and start ticks of those of these processes that live, and of all their descendants."""
    found = ((pid, identity.stat_fields(pid)) for pid in roots if pid not in host.followed)
    living = {pid: fields for pid, fields in found if fields and int(fields[TICKS]) == roots[pid]}
    return {pid: int(fields[TICKS]) for pid, fields in _grown(host, living).items() if fields[0] not in "ZX"}


def _grown(host: Reaper, unseen: dict[int, list[str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    while unseen:
        pid, fields = unseen.popitem()
        found[pid] = fields
        for child in children(pid, int(fields[THREADS])):
            child_fields = identity.stat_fields(child) if child not in found else None
            if child_fields and child not in host.followed:
                unseen[child] = child_fields
    return found


def children(pid: int, threads: int) -> list[int]:
    """Its children: the kernel lists them for the thread that made them."""
    if threads < 2:
        return identity.children(pid)
    try:
        tids = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [child for tid in tids for child in identity.children(pid, int(tid))]


def orphans_of(host: Reaper, of: Descent, root: int, ticks: int, listed: bool = False) -> dict[int, int]:
    """Pid and start ticks of our orphans that descend from it, and of all in its cgroup.

    root: its process, which may be a zombie.  listed: see orphans().  A process that ends while we look hands its
    children to us, which we have not listed then; so if we find none and one has ended, look once more.
    """
    for _ in range(GENERATIONS):
        candidates = [*(orphan.pid for orphan in host.orphans(of.sid, listed)), *of.inside()]
        table = descent.table_of([*candidates, root]) if candidates else {}
        found = _proved(of, root, ticks, table)
        if found or all(pid in table and table[pid].state not in "ZX" for pid in candidates):
            return found
        listed = False
    return {}


def _proved(of: Descent, root: int, ticks: int, table: descent.Table) -> dict[int, int]:
    """Those in the table that descend from it, without root, its process, which the table has too."""
    if not table:
        return {}
    known, of.kids = of.kids, {**of.kids, root: ticks}
    found = of.members(table)
    of.kids = known
    found.pop(root, None)
    return found


def members(host: Reaper, of: Descent, root: int, ticks: int, known: dict[int, int]) -> dict[int, int]:
    """Pid and start ticks of each living process that descends from it: our orphans, those in known, and all theirs.

    root, ticks: its process, as in orphans_of().  A process that ends while we look hands its children to us; so where
    all have ended, look once more.
    """
    have_ended = not known
    while True:
        orphans = orphans_of(host, of, root, ticks)
        found = with_theirs(host, {**known, **orphans})
        if found or (have_ended and not orphans):
            return found
        have_ended = True


class Orphans:
    """Our orphans, indexed by session and INVOCATION_ID; servers that we examine in one go share one look."""

    def __init__(self) -> None:
        self._seen_at = 0.0
        self._by_sign: dict[int | str, list[int]] = {}  # a session, an INVOCATION_ID

    def of(self, host: Host, server: Server) -> dict[int, int]:
        """Pid and start ticks of the orphans that descend from this living server, and of all in its cgroup."""
        now = time.monotonic()
        if now - self._seen_at > ORPHANS_HOLD:
            self._seen_at, self._by_sign = now, {}
            for process in host.orphans():
                for sign in (process.sid, descent.mark(process.pid, process.ticks)):
                    self._by_sign.setdefault(sign, []).append(process.pid)
        its = Descent.of(server)
        candidates = [pid for sign in (server.sid, server.invocation) if sign for pid in self._by_sign.get(sign, ())]
        candidates += its.inside()
        if not candidates:
            return {}
        its.kids = {**its.kids, server.pid: server.ticks}
        found = its.members(descent.table_of([*candidates, server.pid]))
        found.pop(server.pid, None)
        return found


def _orphans_of(host: Host, server: Server) -> dict[int, int]:
    orphans = host.shared.get("orphans")
    if not isinstance(orphans, Orphans):
        orphans = host.shared["orphans"] = Orphans()
    return orphans.of(host, server)


def orphans(loop: Loop, not_these: Container[int], sid: int, listed: bool = False) -> Iterator[identity.Process]:
    """Our children that we did not make: as subreaper we are the parent of orphans.  Reaps the dead ones.

    not_these: pids of children that are no orphans; sid: 0, or the only session that matters.
    listed: of a server whose death a descriptor has told in this turn of the loop, for its orphans were ours before
    the turn began.  A thousand servers that die at once then share one list of a thousand children.
    An orphan that has died handed its own children to us first, so after a dead one we list our children again.
    """
    seen: set[int] = set()
    has_died = True
    while has_died:
        has_died = False
        for pid in _candidates(loop, not_these, listed):
            if pid in seen or pid in not_these or pid in loop.errands or (sid and loop.ending.get(pid, sid) != sid):
                continue
            seen.add(pid)
            process = identity.look(pid)
            if process:
                yield process
            elif cause.of_child(pid):
                has_died, loop.orphans = True, None


def _candidates(loop: Loop, not_these: Container[int], listed: bool) -> list[int]:
    if not listed or loop.orphans is None:
        loop.orphans = [pid for pid in identity.children(os.getpid()) if pid not in not_these]
    return loop.orphans


def belongs(host: Host, pid: int, root: int, root_ticks: int, of: Descent) -> bool:
    """Is this process (perhaps a zombie) root, or does it descend from root?  That it is an orphan proves nothing."""
    climbed: list[tuple[int, int]] = []
    lives = descent.table_of([root]).get(root)
    is_in_session = lives is not None and lives.ticks == root_ticks and of.is_session(lives.sid)
    for _ in range(GENERATIONS):
        fields = identity.stat_fields(pid)
        if not fields or (climbed and int(fields[TICKS]) > climbed[-1][1]):
            break  # a parent that is younger than its child has got the pid of the true parent
        ticks, sid = int(fields[TICKS]), int(fields[SESSION])
        if (pid, ticks) == (root, root_ticks) or of.proves(pid, ticks, sid) or (is_in_session and of.is_session(sid)):
            return True
        if pid in host.followed or pid in host.loop.errands:
            return False
        climbed.append((pid, ticks))
        if int(fields[PPID]) in (os.getpid(), 1, 0):
            break
        pid = int(fields[PPID])
    # Read an environment only now: that of the process itself, and that of the orphan that it descends from
    return any(of.is_proved(*each) for each in dict.fromkeys(climbed[:1] + climbed[-1:]))
