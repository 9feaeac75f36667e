"""The first look at a server: take over what runs, or report that nothing does.

A new watcher looks so at each of its servers, and at one anew after a fault of ours.  Strongest evidence first: the
record, pidfile and log, the process table.
"""

from __future__ import annotations

from base.clock import TICKS_PER_SECOND, boot_seconds
from loop.leftovers import Dead
from proc import cause, drift, evidence, identity
from state import turn
from state.history import incident_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watch.lifecycle import Life

WERE_WANTED = ("RUNNING", "STARTING", "BACKOFF", "UNKNOWN")
LONGEST_TURN = 120  # seconds that we leave to an operator's command, which may have been stopped


def look(life: Life) -> None:
    """Take over a running process; first let an operator's command end that starts or stops it at this moment."""
    directory = life.account.directory
    if turn.is_taken(directory):
        life.watcher.say(life.server, "an operator's command starts or stops it; this monitor waits for that")
        life.watcher.loop.errand(lambda: turn.await_end(directory, LONGEST_TURN), lambda _: _look_late(life))
    else:
        look_now(life)


def _look_late(life: Life) -> None:
    if life.phase == "idle" and not life.server.pid:  # else an order has started it meanwhile
        look_now(life)


def look_now(life: Life) -> None:
    """Take over a running process, by record, pidfile or log; else search the process table."""
    known = life.account.recall()
    life.standing.recall(known)
    if known.get("beside") and known["boot"] == life.watcher.boot:
        from watch import overlap

        overlap.recover(life, known["beside"])
    process = evidence.recorded(known, life.watcher.boot)
    if process and not _is_heirs(life, process, known):
        _take_back(life, process, known)
        return
    dead = Dead.of_record(life.server, known, life.watcher.boot)
    if dead:
        _know_dead(life, dead)
        if _is_cut_off(life, known):
            life.stop(search=False)  # that stop was of the dead one alone
            return
    process, source, remarks = evidence.named(life.server, life.watcher.directories)
    life.account.say_all("evidence", remarks)
    if not process or not life.adopt(process, source):
        _seek(life, known)


def _know_dead(life: Life, dead: Dead) -> None:
    life.account.dead = dead
    life.server.owner = dead.owner


def _is_cut_off(life: Life, known: dict[str, str]) -> bool:
    """Has its watcher died during a stop?  What the server left behind may still live."""
    return known["state"] == "STOPPING" and life.account.want == "down"


def _is_heirs(life: Life, process: identity.Process, known: dict[str, str]) -> bool:
    """Does the recorded process belong to another server, by what conf says now?  Then leave it to that one."""
    words = drift.objection(known, process, life.server)
    if not words:
        return False
    from watch import drifting  # conf seldom moves away from a process

    heir = drifting.heir(life, process, known["mode"])
    if heir:
        life.watcher.say(life.server, f"{words}; it is left to the server of {heir}")
        known.update(dict.fromkeys(("pid", "state", "starting", "ending"), ""))
    return bool(heir)


def _take_back(life: Life, process: identity.Process, known: dict[str, str]) -> None:
    """The process that the record names lives: take it over, with the session that its launch made."""
    server, source = life.server, known["source"] or "own"
    server.invocation, server.cgroup = known["invocation"], known["cgroup"]
    server.oom_kills = _oom_kills(server.cgroup)
    server.owner = int(known["uid"] or server.owner)
    made = int(known["sid"] or 0)
    if not _is_cut_off(life, known) and drift.objection(known, process, server):
        from watch import drifting

        if not drifting.take_over(life, process, known, made):
            _seek(life, known)
    elif known["state"] == "STARTING":
        _resume(life, process, source, made)
    elif _is_cut_off(life, known):
        dead = Dead.of_record(server, known, life.watcher.boot)
        if not life.follow(process, source, "adopted", made) and dead:
            _know_dead(life, dead)  # it has ended just now
        life.stop()
    elif not life.adopt(process, source, made=made):
        _seek(life, known)
    elif known["ending"]:
        life.health.put_down(process.pid, known["ending"])
    if server.launch.caps and server.cgroup:
        _renew_caps(life)


def _renew_caps(life: Life) -> None:
    """Outside the loop: a cap below what it uses makes the kernel look for memory that it can take back."""
    from spawn import caps

    def renewed(why: str) -> None:
        if why:
            life.watcher.say(life.server, f"a cap was lost and cannot be set again: {why}; restart it")

    what, group = life.server.launch, life.server.cgroup
    life.watcher.loop.errand(lambda: caps.renew(what, group), renewed)


def _oom_kills(group: str) -> int:
    """How many processes of this cgroup the kernel has killed for lack of memory: an earlier monitor told of these."""
    if not group:
        return 0
    from proc import oom

    return max(0, oom.kills(group))


def _seek(life: Life, known: dict[str, str]) -> None:
    """No record, pidfile or log that answers names it: search further."""
    if life.server.unheard:
        life.afar.look(lambda: _second_look(life, known))
    else:
        life.watcher.want_scan(life, lambda: _first_absence(life, known))


def _second_look(life: Life, known: dict[str, str]) -> None:
    """The hand has brought the silent sources, or they do not answer; meanwhile an order may have started it."""
    if life.phase != "idle" or life.server.pid:
        return
    process, source, _ = evidence.named(life.server, life.watcher.directories)
    if not process or not life.adopt(process, source):
        life.watcher.want_scan(life, lambda: _first_absence(life, known))


def _resume(life: Life, process: identity.Process, source: str, made: int) -> None:
    """Its watcher died while it started: see that to its end."""
    if life.follow(process, source, "launched", made):
        life.standing.tell()
        life.resume_start()
    else:
        life.watcher.emit("absent", life.server, "-")


def _first_absence(life: Life, known: dict[str, str]) -> None:
    """It does not run: it died unwatched, its start was interrupted, or no one has started it yet."""
    life.surely_absent = True
    life.standing.tell()
    was_up = (
        life.account.want == "up"
        and known.get("boot") == life.watcher.boot
        and known["state"] in WERE_WANTED
        and known["pid"]
    )
    if not was_up:
        life.tell("absent", known.get("state") or "-")
        return
    dead = Dead.of_record(life.server, known, life.watcher.boot)
    if dead and not life.account.dead.pid:  # it has ended just now
        _know_dead(life, dead)
    incident = incident_id(life.server.name, known["pid"], known["ticks"], life.watcher.boot)
    if life.standing.has_told(incident):
        return
    if known["starting"] and known["memory"].partition(":")[0] != incident:
        life.tell("absent", known["state"])  # that start was ordered: no death led to it, or one that is over
        return
    is_told = life.told == (int(known["pid"]), int(known["ticks"]))  # and a fault of ours kept that from the record
    told = known["starting"] or is_told or life.watcher.history_tells(incident)
    up_for = boot_seconds() - int(known["ticks"]) / TICKS_PER_SECOND
    rest = f"{known['pid']} {up_for:.0f} {incident} {known['ending'] or cause.UNKNOWN}"
    life.tell("restart_pending" if told else "down", rest)
