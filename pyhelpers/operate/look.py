"""What is the state of each server?  By evidence, whether a monitor runs or not, and by the monitor's records."""

from __future__ import annotations

import os
import time

from base.clock import boot_seconds
from base.libraries import psutil_home
from loop.leftovers import Dead
from proc import evidence, identity, scan
from state import record, silences
from state.lock import watcher_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from proc.server import Server

KEYS = (
    "name state want pid started uptime restarts last_exit source mode message cpu_percent memory_bytes open_files port"
).split()


class Look:
    """One look at the servers of one conf directory and one state directory."""

    def __init__(self, watched: list[Server], state_dir: str, with_usage: bool = True) -> None:
        self.servers = watched
        self.state_dir = state_dir
        self._with_usage = with_usage
        self.is_guest = False  # a guest may not see the exe and cwd of these processes
        self.boot = record.boot_id()
        self._records = {server.name: self._read(server) for server in watched}
        self.directories = {server.directory for server in watched}
        self.living = {server.name: self._known(server) for server in watched}
        self._scan([server for server in watched if not self.living[server.name]])

    def _known(self, server: Server) -> tuple[identity.Process, str] | None:
        process = evidence.recorded(self.record_of(server), self.boot)
        if process:
            return process, self.record_of(server)["source"]
        process, source, _ = evidence.named(server, self.directories)
        return (process, source) if process else None

    def _scan(self, unknown: list[Server]) -> None:
        unwatched = [server for server in unknown if not watcher_of(f"{self.state_dir}/servers/{server.name}")]
        if not unwatched:
            return
        by_number = {server.number: server for server in unwatched}
        not_these = {os.getpid(), os.getppid()}
        for line in scan.find(unwatched, self.directories, psutil_home(), not_these, self._is_left).split("\n")[:-1]:
            number, pid, _ = map(int, line.split())
            process = identity.look(pid)
            if process:
                self.living[by_number[number].name] = process, "scan"

    def _is_left(self, server: Server, process: identity.Process) -> bool:
        """Did the recorded process leave this one behind?  It may look like the server."""
        dead = self.dead_of(server)
        return dead is not None and dead.left(process)

    def dead_of(self, server: Server) -> Dead | None:
        """The process that its record of this boot names; ask only if that has ended."""
        return Dead.of_record(server, self.record_of(server), self.boot)

    def record_of(self, server: Server) -> dict[str, str]:
        """Its record when the look began; empty values if there is no record, or a torn one."""
        return self._records[server.name]

    def _read(self, server: Server) -> dict[str, str]:
        try:
            known = record.read(f"{self.state_dir}/servers/{server.name}")
        except (record.Torn, OSError):
            known = {}
        return known or dict.fromkeys(record.KEYS, "")

    def of(self, server: Server) -> dict[str, Any]:
        """One server's row with the keys of KEYS; None for unknown values."""
        living = self.living[server.name]
        if living and self.record_of(server)["pid"] != str(living[0].pid):
            self._records[server.name] = self._read(server)  # the monitor may have started it since our look began
        known = self.record_of(server)
        watcher = watcher_of(f"{self.state_dir}/servers/{server.name}")
        row: dict[str, Any] = dict.fromkeys(KEYS)
        row.update(name=server.name, restarts=int(known["restarts"] or 0), port=server.port or None)
        row["want"] = record.read_want(f"{self.state_dir}/servers/{server.name}")
        row["last_exit"] = known["last_exit"] or None
        row["state"] = (known["state"] or "UNKNOWN") if watcher else "STOPPED"  # UNKNOWN: the monitor has just begun
        row["message"] = (known["message"] or None) if watcher else "no monitor watches it"
        end = silences.until(self.state_dir, server.name, time.time())
        if end != silences.NEVER:
            row["message"] = "; ".join(filter(None, (row["message"], silences.in_words(end))))
        if living:
            self._add_living(row, *living, known)
        elif row["state"] == "RUNNING" or (self.is_guest and not watcher):
            row["state"] = "UNKNOWN"  # it has died and the record does not show it yet; or we may not see it
        return row

    def _add_living(self, row: dict[str, Any], process: identity.Process, source: str, known: dict[str, str]) -> None:
        age = boot_seconds() - process.ticks / os.sysconf("SC_CLK_TCK")
        is_unclear = row["state"] == known["state"] == "UNKNOWN"  # a path of it does not answer: the message says which
        if row["state"] not in ("STARTING", "STOPPING", "PAUSED") and not is_unclear:
            row["state"] = "RUNNING"
        if process.state in "Tt":
            row["message"] = "stopped by a signal (state T)"
        row.update(pid=process.pid, started=round(time.time() - age, 3), uptime=round(age, 3), source=source)
        row["mode"] = known["mode"] if known["pid"] == str(process.pid) else None
        if self._with_usage:
            row.update(usage(process.pid, age))


def usage(pid: int, age: float) -> dict[str, Any]:
    """cpu_percent over its life, memory_bytes (RSS), open_files, as far as we may see them.  age: seconds."""
    fields = identity.stat_fields(pid)
    if not fields:
        return {}
    ticks = int(fields[11]) + int(fields[12])
    found: dict[str, Any] = {
        "cpu_percent": round(100 * ticks / os.sysconf("SC_CLK_TCK") / max(age, 0.01), 1),
        "memory_bytes": int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
    }
    try:
        found["open_files"] = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        pass
    return found
