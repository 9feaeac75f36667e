"""What the watcher looks at every interval, so that a lost event costs at most one interval."""

from __future__ import annotations

from loop import descendants
from proc import evidence, identity
from proc.descent import Descent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watch.lifecycle import Life


def tick(life: Life, may_be_struck: bool) -> None:
    """Look at the evidence again, so that a lost event costs at most one interval.

    may_be_struck: the kernel may have killed a process of a server for lack of memory since the last look.
    """
    if life.phase == "up":
        _look_at_living(life, may_be_struck)
        if life.rivalry:
            life.rivalry.look_beside()
    elif life.phase == "idle":
        life.find()
        life.afar.look()
    elif life.phase == "unanswered":
        life.afar.ask_again(lambda: life.begin_again())
    elif life.phase == "unstopped":
        from watch import stopping

        stopping.look(life)
    life.pending.repeat()
    life.account.catch_up()


def _look_at_living(life: Life, may_be_struck: bool) -> None:
    server = life.server
    before = server.images, server.parent
    fields = server.is_seen()
    if fields is None:
        return  # it is dead: its pidfd reports that
    if (server.images, server.parent) != before:
        life.account.write()  # the next watcher must know them too
    _look_at_state(life, fields[0])
    process, source, remarks = evidence.named(server, life.watcher.directories, server.is_confirmed() is False)
    life.account.say_all("evidence", remarks)
    if process and not server.is_confirmed() and _is_confirmed_or_moved(life, process, source):
        return
    if server.source == "scan" and _is_moved_to_ward(life, process.pid if process else 0):
        return
    life.afar.look()
    kids = server.kids
    life.remember_kids()
    if server.kids != kids:
        life.account.write()
    if life.offspring:
        life.offspring.look(fields)
    if may_be_struck and server.counts_memory():
        from watch import memory

        memory.look(life)
    life.health.tick()


def _is_confirmed_or_moved(life: Life, process: identity.Process, source: str) -> bool:
    """A pidfile or log names a process at last; True: another one, which descends from what we launched."""
    server = life.server
    if process.pid == server.pid:
        server.source = source
        life.account.write()
        return False
    its = Descent.of(server)
    descends = descendants.belongs(life.watcher, process.pid, server.pid, server.ticks, its)
    return descends and life.adopt(process, source, "moved", server.sid)


def _is_moved_to_ward(life: Life, named: int) -> bool:
    """Did we take a guard for the server, before its child was there?  named: the pid that the pidfile names.

    A scan finds a guard of the same program; while it sleeps between two runs, nothing tells it from the server.
    """
    server = life.server
    children = [process for process in map(identity.look, identity.children(server.pid)) if process]
    if not children or not (server.port or named):
        return False
    alike = [each for each in children if not evidence.objection_to(each, server, life.watcher.directories)]
    head = identity.look(server.pid)
    if not head or not alike:
        return False
    from proc import rivals

    child = rivals.ward(head, alike, server.port, named)
    return child is not None and life.adopt(child, "scan", "moved")


def _look_at_state(life: Life, state: str) -> None:
    """Report odd states (proc(5)): a stopped process is alive; one that stays in state D is stuck."""
    stuck, life.was_waiting = life.was_waiting and state == "D", state == "D"
    oddity = ""
    if state in "Tt":
        oddity = "stopped by a signal (state T)"
    elif stuck:
        oddity = "stuck in the kernel (state D)"
    life.account.say_all("state", [f"pid {life.server.pid} is {oddity}"] if oddity else [])
    life.health.remark(life, oddity)
