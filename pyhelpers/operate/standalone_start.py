"""Start a server that no monitor watches: with the watcher's code, under a supervisor that ends after the start.

While we wait, the server is our child, so waitid reports exactly how it ends; and we are its subreaper, so we find the
daemon that a launcher leaves behind by descent.  The server leads its own session.  When we exit, the kernel makes it a
child of init or of the nearest subreaper, as a double fork would have done.
"""

from __future__ import annotations

from base import files
from base.exits import FAILED, Refused
from config.fd_keys import conf_keys as held_for
from config.life_settings import has_any
from loop import cgroups
from loop.leftovers import Dead
from operate.alone import Alone
from operate.look import Look
from proc import evidence, identity
from spawn import output_file
from spawn.launch import become_subreaper
from watch.around_life import AroundLife
from watch.lifecycle import Life

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.target import Target
    from proc.server import Server


class _Life(Life):
    """A Life whose failure message says where the server's output is."""

    def start_failed(self, status: int, text: str, why: str = "") -> None:
        """Report the failed attempt, and where the output is."""
        told = f"{text}; {_where_it_speaks(self.server, self.watcher.state_dir)}" if why else text
        super().start_failed(status, told, why)


class _LifeWithCommands(_Life, AroundLife):
    """The same, with commands around it."""


def _where_it_speaks(server: Server, state_dir: str) -> str:
    output = output_file.path_of(server, state_dir)
    return f"see {output}" if output != "/dev/null" else f"set output in {server.conf_file} to see what it says"


def require_free(target: Target) -> None:
    """Raises Refused if a monitor watches the server, or a copy of it runs."""
    if target.monitor:
        raise Refused(FAILED, f"the monitor with pid {target.monitor} watches it, and starts it by itself")
    living = Look([target.server], target.state_dir).living[target.server.kept_in]
    if living:
        raise Refused(FAILED, f"it runs already, pid {living[0].pid}")


def start(target: Target, pidfile: str = "") -> str:
    """Start a server that does not run; return the message.

    pidfile: gets the pid if the server does not write it.  We save the server's identity in its record, so that a
    monitor can adopt it.  Raises Refused.
    """
    server = target.server
    if server.ends:
        raise Refused(FAILED, f"a monitor has to hold {held_for(server.ends)} for it; run ./monitor.sh {server.name}")
    _await_no_more_than_a_start(server)
    server.launch.pidfile = pidfile
    become_subreaper()
    word, rest = _attempt(target)
    if pidfile:
        _correct(pidfile, server.pid)
    if word == "failed":
        status, _, text = rest.split(" ", 2)
        raise Refused(int(status), text)
    pid, _, _, took_ms, _ = rest.split(" ")
    return f"running, pid {pid} ({took_ms} ms)"


def _attempt(target: Target) -> tuple[str, str]:
    """Run one attempt to its end; return the outcome as in Alone."""
    host = Alone(target.server, target.state_dir)
    kind = _LifeWithCommands if has_any(target.server) else _Life
    life = kind(target.server, host, target.directory)
    host.lives.append(life)
    dead = Dead.of_record(target.server, life.account.recall(), host.boot)
    if dead:
        life.account.dead = dead
        target.server.owner = dead.owner
    old_cgroup = dead.cgroup if dead else ""
    if life.account.want != "up":
        life.account.set_want("up")
    life.start(0)
    host.loop.run()
    cgroups.remove_now(old_cgroup)
    if host.outcome[0] == "failed":
        life.leave("EXITED", host.outcome[1].split(" ", 2)[2])
    return host.outcome


def _await_no_more_than_a_start(server: Server) -> None:
    """Keep only the vitals that count for the start; we are gone before the others matter."""
    asked = server.vital
    heartbeat = asked.get("heartbeat", "")
    server.vital = {key: value for key, value in asked.items() if not key.startswith(("max_", "restart_every"))}
    if heartbeat and heartbeat != "notify":
        server.vital["heartbeat"] = ""


def pidfile_of(server: Server) -> str:
    """The first pidfile in its pid_from; "" if there is none."""
    return next((source[1] for source in server.sources if source[0] == "pidfile"), "")


def _correct(pidfile: str, pid: int) -> None:
    """If the pidfile names a dead process (the launcher), write the server's pid; if pid is 0, remove the file.

    Raises Refused.
    """
    try:
        named = evidence.pidfile_pid(pidfile)
    except (evidence.Rubbish, OSError):
        named = 0
    if identity.look(named):
        return
    if not pid:
        if named:
            files.unlink_quietly(pidfile)
        return
    try:
        files.replace(pidfile, f"{pid}\n", 0o644)
    except OSError as error:
        raise Refused(FAILED, f"running, pid {pid}, but pidfile {pidfile}: {error.strerror}") from None
