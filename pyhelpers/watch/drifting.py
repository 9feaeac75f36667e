"""A process that our record names, and that conf no longer describes (proc/drift.py): what becomes of it?

We follow it, so that it can be ended as any server, and report it; the shell decides.  Until a process is there that is
as conf says, the record keeps what conf said before, so that the next monitor comes to the same end.
"""

from __future__ import annotations

from proc import drift, evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.identity import Process
    from watch.lifecycle import Life


def heir(life: Life, process: Process, mode: str) -> str:
    """Whose is it by now, of the servers of conf: a name, or a directory that we know no more of; "" if of none.

    Its file in conf may have got another name, and this one another directory.  mode: how we came to it, see
    proc/server.py: one that we have launched for this server is none of a server that we do not watch.
    """
    for other in (each.server for each in life.watcher.lives if each.server is not life.server):
        in_its_place = process.cwd == other.directory
        if in_its_place and not evidence.objection_to(process, other, life.watcher.directories):
            return other.name
    return process.cwd if mode == "adopted" and process.cwd in life.server.elsewhere else ""


def take_over(life: Life, process: Process, known: dict[str, str], made: int) -> bool:
    """Follow it for as long as it lives, and report it.  False: it has ended by now.  made: as in Life.follow()."""
    if not life.follow(process, known["source"] or "own", "adopted", made):
        return False
    life.server.former = drift.kept(known)
    life.phase = "up"
    if not report(life, known["state"]):
        return life.adopt(process, known["source"] or "own", made=made)
    life.remember_kids()
    life.account.write()
    return True


def report(life: Life, state: str = "") -> bool:
    """Does it follow a process that conf no longer describes?  Then the shell decides.  state: that of the record."""
    server = life.server
    process = evidence.recorded(_as_record(life), life.watcher.boot) if server.former else None
    words = drift.objection({**server.former, "state": state}, process, server) if process else ""
    if words:
        life.account.become("UNKNOWN", words)
        life.tell("drifted", f"{server.pid} {words}")
    return bool(words)


def _as_record(life: Life) -> dict[str, str]:
    return {"pid": str(life.server.pid), "ticks": str(life.server.ticks), "boot": life.watcher.boot}
