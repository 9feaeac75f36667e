"""A stop: the search for the server, its signals, the end of what it left behind, or the report that the stop failed.

A stop fails if the process, or one that it left behind, outlives all signals or is not ours to signal.  The server then
stays STOPPING, and the shell learns that its order has failed.  We follow the process again, and look at what it left
behind every interval: when the last of them has ended, the stop is carried out.
"""

from __future__ import annotations

from loop import descendants
from loop.leftovers import end_leftovers, has_left, whole_end
from loop.terminate import could_not_end
from proc import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watch.lifecycle import Life


def begin(life: Life, search: bool) -> None:
    """End the process that we follow.  search: if there is none, and one may run all the same, search for it first.

    The first look at a server takes its time, and an order may come before its end.
    """
    life.is_sought = True
    if search and not life.server.pid and not life.surely_absent:
        life.watcher.want_scan(life, lambda: _end(life))
    else:
        _end(life)


def end_found(life: Life, process: identity.Process, source: str, made: int) -> bool:
    """A search has found it during its stop.  False: it has ended by now, or an end is under way already."""
    if not life.is_sought or not life.follow(process, source, "adopted", made):
        return False
    _end(life)
    return True


def _end(life: Life) -> None:
    """Signal the process, unless another search has led to that already."""
    if not life.is_sought:
        return
    life.is_sought = False
    server, pid = life.server, life.server.pid
    who = [(pid, server.ticks)] if pid else []
    life.told = (pid, server.ticks)
    steps = life.health.farewell() if pid else server.stop
    if pid:
        descendants.remember(life.watcher, server)
    life.unfollow()
    life.health.reason()
    life.ending = None
    life.account.took = ""
    life.ending = life.ending_of(life.watcher.loop, who, steps, lambda stuck: over(life, pid, stuck))


def over(life: Life, pid: int, stuck: list[int]) -> None:
    """The last wait is over.  pid: of the process that was to end, 0: none ran; stuck: [pid] if it lives."""
    if stuck and _follow_again(life):
        _tell_failed(life, pid, pid)
    else:
        end_rest(life, pid)


def end_rest(life: Life, pid: int) -> None:
    """The process has ended: end what it left behind; then send `stopped PID TOOK`."""
    life.phase = "stopping"
    end_leftovers(life.watcher, life.server, life.account.dead, lambda stuck: _rest_over(life, pid, stuck))


def _rest_over(life: Life, pid: int, stuck: list[int]) -> None:
    if stuck:
        _tell_failed(life, pid, stuck[0])
        return
    took = whole_end(life.ending.took if life.ending else "", life.account.dead)
    life.account.took = took and f"{pid} {took}"
    life.stopped(f"{pid} {took or '-'}")


def _follow_again(life: Life) -> bool:
    """Follow the process that outlived its stop; False: it has ended by now."""
    dead, server = life.account.dead, life.server
    process = identity.look(dead.pid)
    if not process or process.ticks != dead.ticks:
        return False
    if not life.follow(process, server.source, server.mode, dead.sid):
        return False
    server.kids = dead.kids
    life.told = (0, 0)  # its end is still to come
    return True


def _tell_failed(life: Life, pid: int, left: int) -> None:
    """left: the one that could not be ended."""
    life.phase = "unstopped"
    life.account.become("STOPPING", could_not_end(left))
    life.account.write()
    life.watcher.say(life.server, could_not_end(left))
    life.watcher.emit("unstopped", life.server, f"{pid} {left}")


def look(life: Life) -> None:
    """An interval has passed since a stop failed: has the last leftover ended?  (A pidfd reports the process's end.)"""
    if life.server.pid:
        life.server.is_seen()
        life.remember_kids()
    elif not has_left(life.account.dead):
        end_rest(life, life.account.dead.pid)
