"""The children of a server that its record does not prove yet.

    life.offspring = Offspring(life)
    life.offspring.look(fields)

What a launched server leaves behind is proved by its cgroup, by the id of the launch in its environment, or by its
session, for all that started before the record was written: see proc/descent.py.  Where no cgroup can be made, and the
program writes its title over its environment (nginx, PostgreSQL: setproctitle(3bsd)), only the session is left.  Then
a worker that starts later is proved by nothing once the watcher and the server are killed together, and it keeps the
port.  So look for such children soon after the start, and at each tick in which the server has changed, and write the
record again.
Source: proc_pid_stat(5), minflt and cminflt: a fork makes the first grow, a child that is reaped the second.
"""

from __future__ import annotations

from loop import descendants
from proc import descent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watch.lifecycle import Life

FAULTS = slice(7, 10, 2)  # places of minflt and cminflt in identity.stat_fields()
FIRST_MS = 100  # a server that forks its workers does so when it listens, so just after it counts as started
SLOWER = 4


class Offspring:
    """Looks for the children of the process that the server has now; the record was written just before."""

    __slots__ = ("_children", "_faults", "_life", "_pid", "_recorded")

    def __init__(self, life: Life) -> None:
        self._life = life
        self._pid, self._recorded = life.server.pid, life.server.seen
        self._children: list[int] = []
        self._faults: list[str] = []
        self._look_soon(FIRST_MS)

    def _look_soon(self, delay_ms: int) -> None:
        """Look again and again, ever later, until the ticks go on with it."""
        if delay_ms < self._life.watcher.interval_ms:
            self._life.watcher.loop.after(delay_ms, lambda: self._look_now(delay_ms * SLOWER))

    def _look_now(self, delay_ms: int) -> None:
        server = self._life.server
        fields = server.is_seen() if server.pid == self._pid else None
        if fields:
            self.look(fields)
            self._look_soon(delay_ms)

    def look(self, fields: list[str]) -> None:
        """Write the record again, if it does not prove each child.  fields: of its process, as is_seen() has them."""
        faults = fields[FAULTS]
        if faults == self._faults:
            return
        server = self._life.server
        children = descendants.children(server.pid, int(fields[descendants.THREADS]))
        if children == self._children or self._record(children):
            self._children, self._faults = children, faults

    def _record(self, children: list[int]) -> bool:
        """Write the record again if need be; False: one is so young that only the next look can prove it.

        Their environment is not read: it is memory of theirs, for which the kernel would wait.
        """
        server, its = self._life.server, descent.Descent.of(self._life.server)
        its.seen = self._recorded
        late = {pid: row for pid, row in descent.table_of(children).items() if not its.proves(pid, row.ticks, row.sid)}
        abroad = {pid: row.ticks for pid, row in late.items() if not its.is_session(row.sid)}
        if late:
            living = {pid: ticks for pid, ticks in server.kids.items() if descent.is_still(pid, ticks)}
            server.kids = {**living, **abroad}
            self._recorded = server.seen
            self._life.account.write()
        return all(row.ticks < server.seen or pid in abroad for pid, row in late.items())
