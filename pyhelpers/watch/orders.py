"""The orders of the shell, a function each: see watch/messages.py."""

from __future__ import annotations

import os
import sys

from base.suite import PROGRAMS
from loop import removal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from watch.lifecycle import Life
    from watch.watcher import Watcher


def _start(life: Life, wait: str, restarts: str, memory: str) -> None:
    _remember(life, restarts, memory)
    if "singleton" in life.server.vital and _is_not_ours(life):
        return
    if not life.standing.confirmed():
        life.start(int(wait))


def _is_not_ours(life: Life) -> bool:
    from watch import fence

    return fence.refuses(life)


def _claim(life: Life) -> None:
    from watch import fence

    its = fence.of(life)
    if its:
        its.claim()


def _release(life: Life, how: str) -> None:
    from watch import fence

    its = fence.of(life)
    if its:
        its.release(" bad" if how == "FATAL" else "")


def _leave(life: Life, state: str, restarts: str, memory: str, text: str, remedy: str) -> None:
    _remember(life, restarts, memory)
    if life.standing.confirmed():  # it was started, and paused before the shell heard of its death
        return
    life.leave(state, text, remedy)


def _keep(life: Life, restarts: str, memory: str, after: str) -> None:
    _remember(life, restarts, memory)
    life.standing.set(after)
    life.account.write()


def _remember(life: Life, restarts: str, memory: str) -> None:
    life.server.restarts, life.server.memory = int(restarts), memory


def _stop(life: Life) -> None:
    life.stop()


def _end(life: Life, pid: str, text: str) -> None:
    life.pending.answered()
    life.health.put_down(int(pid), text)


def _acknowledged(life: Life) -> None:
    life.pending.answered()


def _want(life: Life, want: str) -> None:
    life.set_want(want)


def _signal(life: Life, name: str, token: str) -> None:
    from watch import signals

    life.account.answer(token, signals.send(life.server, name))


def _reread(life: Life, token: str) -> None:
    from watch import reloading

    reloading.begin(life, token)


def _overlap(life: Life, token: str) -> None:
    from watch import overlap

    overlap.begin(life, token)


def _answer(life: Life, token: str, text: str) -> None:
    life.account.answer(token, text)


ORDERS: dict[str, Callable[..., None]] = {
    "start": _start,
    "leave": _leave,
    "keep": _keep,
    "stop": _stop,
    "end": _end,
    "acknowledged": _acknowledged,
    "want": _want,
    "signal": _signal,
    "reread": _reread,
    "overlap": _overlap,
    "answer": _answer,
    "claim": _claim,
    "release": _release,
}


# -- about no server in particular ---------------------------------------------------------------


def _reload(watcher: Watcher) -> None:
    watcher.reload()


def _updated(watcher: Watcher) -> None:
    """The shell uses the new conf too: remove the plan, for update.py waits for that."""
    removal.remove(watcher.loop, f"{watcher.run_dir}/plan")


def _update(watcher: Watcher) -> None:
    """Start update.py as an operator would; it prints to the standard output of the monitor."""
    with open(f"{watcher.run_dir}/asked", encoding="utf-8", errors="surrogateescape") as asked:
        cwd = asked.readline().rstrip("\n")
    words = [f"{PROGRAMS}/update.py", os.path.dirname(PROGRAMS), watcher.conf_dir, watcher.state_dir, cwd]
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-E", "-s", *words],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, 2, 1)],
        )
    except OSError as error:
        watcher.say(None, f"update: cannot be started: {error.strerror}; try again")
        return
    _reap_later(watcher, pid)


def _reap_later(watcher: Watcher, pid: int) -> None:
    pidfd = os.pidfd_open(pid)
    watcher.loop.errands.add(pid)

    def ended() -> None:
        watcher.loop.forget(pidfd)
        watcher.loop.errands.discard(pid)
        os.waitid(os.P_PID, pid, os.WEXITED)

    watcher.loop.on_readable(pidfd, ended)


def _print(watcher: Watcher, stream: str, *text: str) -> None:
    watcher.streams[stream].print("\t".join(text).encode("utf-8", "surrogateescape"))


def _syslog(watcher: Watcher, *text: str) -> None:
    """Send it as logger(1) would, with the tag monitor.sh; drop it if syslog does not accept it at once."""
    import _socket

    line = f"<{WARNING}>monitor.sh: " + "\t".join(text)
    log = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        log.connect(SYSLOG)
        log.send(line.encode("utf-8", "surrogateescape"), _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
    except OSError:
        pass
    finally:
        log.close()


def _wake(watcher: Watcher) -> None:
    watcher.emit("wake", None, "")


def _tick(watcher: Watcher) -> None:
    watcher.shell.wants_tick = True


SYSLOG = "/dev/log"
WARNING = 3 << 3 | 4  # facility daemon, severity warning: RFC 3164

SUITE_ORDERS: dict[str, Callable[..., None]] = {
    "reload": _reload,
    "update": _update,
    "updated": _updated,
    "print": _print,
    "syslog": _syslog,
    "wake": _wake,
    "tick": _tick,
}
