"""Find servers in the process table, if no record, pidfile or log names them.

A scan examines every process, and a /proc file can block.  So the watcher runs it as an errand, in a child, once for
all servers that need it.  A start waits for the scan, so it does without psutil: to import that takes 45 ms, two thirds
of a scan.  The search for the holder of a port has it.
"""

from __future__ import annotations

import os
import sys

from proc import beside, descent, evidence, identity, ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from proc.descent import Descent
    from proc.server import Server

MOST_LISTS = 3  # of /proc, for one look


def find(
    servers: Sequence[Server],
    others: Collection[str],
    not_these: Collection[int],
    sift: Callable[[Server, list[identity.Process]], list[identity.Process]] = lambda server, found: found,
) -> str:
    """A line `NUMBER PID TICKS` for each server that runs.

    not_these: pids that are never servers (ourselves); sift: those of the processes that look like the server that may
    be it, see proc/succession.py.
    """
    table = Table([process for pid in _pids_now() if pid not in not_these and (process := identity.look(pid))])

    def candidates(server: Server) -> list[identity.Process]:
        return sift(server, table.candidates(server, others))

    found = ""
    taken: set[int] = set()  # instances of one server may look the same: no process is two of them
    for server in servers:
        fit = candidates(server)
        process = _choose(server, _untaken(fit, taken))
        if process:
            taken |= {process.pid, process.ppid} & {each.pid for each in fit}
            found += f"{server.number} {process.pid} {process.ticks}\n"
    return found


def _untaken(candidates: Sequence[identity.Process], taken: set[int]) -> list[identity.Process]:
    """Those that are no process of another server, nor a child of one."""
    for process in sorted(candidates, key=lambda process: process.ticks) if taken else ():
        if process.ppid in taken:
            taken.add(process.pid)
    return [process for process in candidates if process.pid not in taken]


class Table:
    """The process table, indexed by directory and by command line: each server costs two look-ups, not a walk."""

    def __init__(self, processes: Sequence[identity.Process]) -> None:
        self._by_cwd: dict[str, list[identity.Process]] = {}
        self._by_argv: dict[tuple[str, ...], list[identity.Process]] = {}
        for process in processes:
            if process.exe:
                self._by_argv.setdefault(tuple(process.argv()), []).append(process)
                self._by_cwd.setdefault(process.cwd, []).append(process)  # argv() has set it again

    def candidates(self, server: Server, others: Collection[str]) -> list[identity.Process]:
        """The processes in its directory; if none fits, those elsewhere that have exactly its command line."""
        # If others use the program too (redis-server x.conf), its command line counts only for a process in /
        own = server.program.startswith(server.directory + "/")
        alike = self._by_argv.get(tuple(server.argv), [])
        elsewhere = [process for process in alike if own or process.cwd == "/"]
        for group in (self._by_cwd.get(server.directory, []), elsewhere):
            fit = [process for process in group if not evidence.objection_to(process, server, others)]
            fit = [process for process in fit if not beside.is_one(process.pid)]
            if fit:
                return fit
        return []


def holder(port: int, psutil_home: str, not_these: Collection[int] = ()) -> str:
    """`PID NAME` of the process that listens on the port, "" if we cannot find it; not_these: inodes of sockets."""
    inodes = [inode for inode in ports.listening(port) if inode not in not_these]
    for pid in _pids_by_psutil(psutil_home):
        if ports.holds(pid, inodes):
            process = identity.look(pid)
            return f"{pid} {process.exe.rpartition('/')[2]}" if process else ""
    return ""


def held(port: int, found: str) -> str:
    """The result of holder() as a message: who has the port, and what to do."""
    pid, _, name = found.partition(" ")
    whose = f"pid {pid} ({name})" if pid else "a process that may not be examined"
    return f"port {port} is held by {whose}; end it, or set another port"


def left(dead: Mapping[int, Descent], not_these: Collection[int]) -> str:
    """A line `NUMBER PID TICKS` for each living process that descends from the dead server with that number.

    not_these: pids that, with their children, do not count.
    """
    table = descent.table_of(_pids())
    found = ((number, each.members(table, not_these)) for number, each in dead.items())
    return "".join(f"{number} {pid} {ticks}\n" for number, members in found for pid, ticks in members.items())


def _pids_now() -> Iterator[int]:
    """Each process once, and those that begin meanwhile: a server may fork into the background while we look."""
    seen: set[int] = set()
    for _ in range(MOST_LISTS):
        new = [pid for pid in _pids() if pid not in seen]
        seen.update(new)
        yield from new


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _pids_by_psutil(psutil_home: str) -> list[int]:
    if psutil_home and psutil_home not in sys.path:
        sys.path.append(psutil_home)
    import psutil

    return psutil.pids()


def _choose(server: Server, candidates: Sequence[identity.Process]) -> identity.Process | None:
    """Of several candidates choose one that is no child of another, that holds the port, and that is the oldest.

    If that one only guards its child, the child is the server.
    """
    pids = {process.pid for process in candidates}
    heads = [process for process in candidates if process.ppid not in pids]
    if len(candidates) > 1:
        from proc import rivals

        heads = [rivals.ward(head, candidates, server.port) or head for head in heads]
    if server.port and len(heads) > 1:
        inodes = ports.listening(server.port)
        heads = [process for process in heads if ports.holds(process.pid, inodes)] or heads
    return min(heads, key=lambda process: process.ticks, default=None)
