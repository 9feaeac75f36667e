"""The process of a server has ended: what do we know of the end, before anything is forgotten?

Of a child of ours the kernel keeps all of it until we reap it, of another process only its exit status, from Linux 6.15
on (proc/cause.py).
"""

from __future__ import annotations

from loop.leftovers import Dead, reap
from proc import cause, evidence, identity, succession
from state.history import incident_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Host
    from watch.lifecycle import Life


class Death:
    """The end of the process that a life follows.

    dead: what leads to its leftovers; how: how it ended, as last_exit; detail: more about that, for the shell; up_for:
    seconds; incident: its id.  Until settle() it is a zombie, if it is our child, and its orphans are not noted yet.
    """

    __slots__ = ("_is_settled", "dead", "detail", "how", "incident", "up_for")

    def __init__(self, life: Life) -> None:
        server = life.server
        self.up_for = life.age()
        self.incident = incident_id(server.name, server.pid, server.ticks, life.watcher.boot)
        _learn_session(life)
        self.dead = Dead(server)
        self._is_settled = False
        self.how = _how(life)
        self.detail = _oom_detail(life) if self.how.endswith("(oom)") else ""

    def settle(self, host: Host) -> None:
        """Note its orphans and reap it, in the turn of the loop in which its pidfd told of its end."""
        if self._is_settled:
            return
        self._is_settled = True
        reap(host, self.dead, listed=True)

    def reason(self, life: Life) -> str:
        """Why it ended, for the shell: if we were ending it, `hung (no beat for 31s; KILL was needed after 5s)`."""
        why = life.health.reason()
        took = life.ending.took if life.ending else ""
        if why and took:
            return f"{why.removesuffix(')')}; {took})"
        return why or self.how + self.detail

    def is_answered(self, process: identity.Process) -> bool:
        """Has its parent, which still lives, started this process in its place after a crash?

        Then nothing was handed over: it is a death, though we look late.
        """
        if self.how in succession.ORDERLY or process.ppid != self.dead.parent[0]:
            return False
        from proc import rivals

        rival = rivals.parent_alive(self.dead, stop_tree=False)
        return rival is not None and not rival.unit and process.ticks >= self.dead.ticks

    def daemon(self, life: Life) -> identity.Process | None:
        """The daemon of a launcher that we took for the server: the oldest leftover with the server's identity."""
        left = [process for process in map(identity.look, self.dead.kids) if process and self.dead.left(process)]
        directories = life.watcher.directories
        fit = [process for process in left if not evidence.objection_to(process, life.server, directories)]
        return min(fit, key=lambda process: process.ticks, default=None)


def _learn_session(life: Life) -> None:
    """A daemon may have made its session after our last look; its zombie still shows the session."""
    server = life.server
    if server.mode == "launched" and server.sid != server.pid:
        fields = identity.stat_fields(server.pid)
        server.sid = int(fields[3]) if fields and int(fields[19]) == server.ticks else server.sid
        server.is_seen()


def _how(life: Life) -> str:
    server = life.server
    how = cause.of_child(server.pid, reap=False) or cause.of_other(server.pid, server.ticks, server.pidfd)
    if how != "signal KILL":
        return how
    struck = life.watcher.oom_struck()
    if not struck and not server.counts_memory():
        return how
    from watch import memory

    return f"{how} (oom)" if memory.has_struck(life, struck) else how


def _oom_detail(life: Life) -> str:
    from watch import memory

    return memory.detail(life)
