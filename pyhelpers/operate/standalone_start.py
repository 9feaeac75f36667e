"""Start a server that no monitor watches: through the daemon launcher, and wait until it runs."""

from __future__ import annotations

import os
import select
import sys
import time

from base.exits import FAILED, NOT_CONFIGURED, NOT_INSTALLED, Refused
from base.libraries import psutil_home
from base.programs import LaunchError
from config.fd_keys import conf_keys as held_for
from proc import cause, evidence, identity, ports, scan
from spawn import rotate
from spawn.daemonize import daemonize
from state import record
from state.lock import watcher_of
from watch.departure import fit_to_start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server

LOOK_EVERY = 0.05  # seconds; a port that begins to listen wakes nobody


def require_free(server: Server, state_dir: str) -> None:
    """Nobody watches it, no copy of it runs, nothing has its port.  Raises Refused."""
    directory = f"{state_dir}/servers/{server.name}"
    watcher = watcher_of(directory)
    if watcher:
        raise Refused(FAILED, f"the monitor with pid {watcher} watches it, and starts it by itself")
    running = _running(server, directory)
    if running:
        raise Refused(FAILED, f"it runs already, pid {running}")
    if server.port and ports.listening(server.port):
        pid, _, name = scan.holder(server.port, psutil_home()).partition(" ")
        whose = f"pid {pid} ({name})" if pid else "a process that may not be examined"
        raise Refused(FAILED, f"port {server.port} is held by {whose}; end it, or take another port")


def _running(server: Server, directory: str) -> int:
    directories = {server.directory}
    try:
        known = record.read(directory) if directory else {}
    except record.Torn:
        known = {}
    process = evidence.recorded(known, record.boot_id()) or evidence.named(server, directories)[0]
    if process:
        return process.pid
    found = scan.find([server], directories, psutil_home(), {os.getpid(), os.getppid()})
    return int(found.split()[1]) if found else 0


def launch(server: Server, pidfile: str) -> int:
    """Set its logs aside and start it as a daemon; its pid.  Raises Refused."""
    if server.ends:
        raise Refused(FAILED, f"a monitor has to hold {held_for(server.ends)} for it; run ./monitor.sh {server.name}")
    try:
        program = fit_to_start(server)
        for remark in rotate.move_logs(server.directory, server.logs, server.oldlog, server.ids)[1]:
            print(f"{server.name}: {remark}", file=sys.stderr)
        return daemonize(server.launch, program, pidfile)
    except LaunchError as failure:
        raise Refused(NOT_CONFIGURED if failure.status == NOT_CONFIGURED else NOT_INSTALLED, failure.reason) from None


def wait_until_up(server: Server, pid: int) -> int:
    """It lives for start_seconds, and its port is open, within start_timeout; its pid then.

    Raises Refused: it has ended, or has been ended.
    """
    began = time.monotonic()
    while True:
        pidfd = os.pidfd_open(pid)
        if _stays_up(server, pidfd, began):
            return pid
        pid = _daemon_of(server, pid, pidfd, began)


def _stays_up(server: Server, pidfd: int, began: float) -> bool:
    """False: it has ended.  Raises Refused, and ends it, if its port does not open in time."""
    dead = select.poll()
    dead.register(pidfd, select.POLLIN)
    while not dead.poll(LOOK_EVERY * 1000):
        passed = (time.monotonic() - began) * 1000
        if passed >= server.start_ms and (not server.port or ports.listening(server.port)):
            return True
        if passed > server.timeout_ms:
            _end(pidfd)
            raise Refused(FAILED, f"port {server.port} is not open after {passed / 1000:.0f}s; ended")
    return False


def _daemon_of(server: Server, pid: int, pidfd: int, began: float) -> int:
    """The launched process has ended: the pid of the daemon that it left.  Raises Refused if there is none."""
    why = cause.of_other(pid, 0, pidfd)
    while why in ("exit 0", cause.UNKNOWN) and (time.monotonic() - began) * 1000 < server.timeout_ms:
        daemon = _running(server, "")
        if daemon:
            return daemon
        if all(source[0] == "own" for source in server.sources):
            break
        time.sleep(LOOK_EVERY)
    output = server.launch.output
    hint = "set output in its conf to see what it says" if output == os.devnull else f"see {output}"
    raise Refused(FAILED, f"it ended while it started ({why}); {hint}")


def _end(pidfd: int) -> None:
    import signal

    gone = select.poll()
    gone.register(pidfd, select.POLLIN)
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    if not gone.poll(5000):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def pidfile_of(server: Server) -> str:
    """The first pidfile that its pid may be read from; "" if there is none."""
    return next((source[1] for source in server.sources if source[0] == "pidfile"), "")


def _give_notify_socket(server: Server, directory: str) -> None:
    """Nobody hears it there now; a monitor to come will."""
    if server.vital.get("heartbeat") == "notify":
        from health import notify

        try:
            notify.equip(server, directory)
        except OSError:
            pass  # no monitor has ever watched it


def start(server: Server, state_dir: str, pidfile: str = "") -> str:
    """All of it; what to tell.  pidfile: gets its pid, for a program that writes none itself.  Raises Refused."""
    require_free(server, state_dir)
    began = time.monotonic()
    _give_notify_socket(server, f"{state_dir}/servers/{server.name}")
    pid = launch(server, pidfile)
    try:
        pid = wait_until_up(server, pid)
    except Refused:
        if pidfile and identity.look(pid) is None:
            os.unlink(pidfile)
        raise
    return f"running, pid {pid} ({(time.monotonic() - began) * 1000:.0f} ms)"
