"""The server has ended in order: find its successor before we report a death.  The rules: proc/succession.py.

A pidfile or log that names the successor has been asked already.  The descendants of the dead process that we know come
next, without a wait; then the process table, in an errand.  A server that dies by a signal never comes here, so its
restart does not wait for that.
"""

from __future__ import annotations

from proc import evidence, identity, ports, succession

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.leftovers import Dead
    from loop.loop import Timer
    from proc.identity import Process
    from watch.lifecycle import Life

LONGEST_SEARCH_MS = 10_000  # a /proc file may block; on a busy machine a search takes seconds


def find_successor(life: Life, why: str, report: Callable[[], None]) -> Search | None:
    """Follow the successor of a server that has ended like this; call report as soon as there is none.

    Returns the search, if one is under way.
    """
    if why not in succession.ORDERLY:
        report()
        return None
    life.phase = "succession"
    process = _among_kids(life)
    return None if process and life.adopt(process, "scan") else Search(life, report)


def session_left(dead: Dead, process: Process) -> int:
    """The session of the dead process, if that descendant of it is still there; else 0."""
    return dead.sid if process.sid == dead.sid and dead.left(process) else 0


class Search:
    """The search; it calls absent, once, unless life.adopt() finds the successor or an order cancels the search."""

    def __init__(self, life: Life, absent: Callable[[], None]) -> None:
        self._absent: Callable[[], None] | None = absent
        self._late: Timer = life.watcher.loop.after(LONGEST_SEARCH_MS, self.give_up)
        life.watcher.want_scan(life, self.give_up)

    def give_up(self) -> None:
        """There is no successor, as far as we know now."""
        absent, self._absent = self._absent, None
        self._late.cancel()
        if absent:
            absent()

    def cancel(self) -> None:
        """It was found, or an order has overtaken the search."""
        self._absent = None
        self._late.cancel()


def _among_kids(life: Life) -> Process | None:
    """The successor, if it is one of the descendants that we have seen of the dead process."""
    server, others = life.server, life.watcher.directories
    living = [process for process in map(identity.look, life.account.dead.kids) if process]
    found = sifted(life, [each for each in living if not evidence.objection_to(each, server, others)])
    pids = {each.pid for each in found}
    heads = [each for each in found if each.ppid not in pids]
    return heads[0] if len(heads) == 1 else None


def sifted(life: Life, candidates: list[Process]) -> list[Process]:
    """Those of the processes that look like the server which may be it; for a scan, which runs in an errand."""
    dead = life.account.dead
    found = succession.sifted(dead, candidates)
    if life.phase != "succession":
        return found
    return [process for process in found if succession.succeeds(life.server, dead, process)]


def watch_port(life: Life) -> None:
    """The successor must open the port within start_timeout; else it hangs."""
    server, followed = life.server, (life.server.pid, life.server.ticks)
    if not server.port or ports.listening(server.port):
        return

    def look() -> None:
        if (server.pid, server.ticks) == followed and not ports.listening(server.port):
            life.health.hung(f"port {server.port} is not open after {server.timeout_ms / 1000:g}s")

    life.watcher.loop.after(server.timeout_ms, look)
