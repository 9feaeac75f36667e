"""What is the state of each server?  By evidence, whether a monitor runs or not, and by the monitor's records."""

from __future__ import annotations

import os
import time

from base.clock import boot_seconds
from loop.leftovers import Dead
from operate.usage import Usage, open_files
from proc import cgroup, descent, drift, evidence, identity, scan, succession
from state import record, siblings, silences
from state.lock import watcher_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from proc.server import Server

KEYS = (
    "name state want pid started uptime restarts last_exit source mode message cpu_percent memory_bytes "
    "open_files port tags processes"
).split()

STOPPED_BY_SIGNAL = "stopped by a signal (state T)"


class Look:
    """One look at the servers of one conf directory and one state directory.

    is_brief: leave out open_files and processes, which cost more than all else.  among: all servers, if watched is only
    a part of them.  watchers: the monitor of each server whose row was made, by kept_in.
    """

    def __init__(
        self, watched: list[Server], state_dir: str, is_brief: bool = False, among: list[Server] | None = None
    ) -> None:
        self.servers = watched
        self.watchers: dict[str, str] = {}
        among = among or watched
        self._namesakes = {server.name for server in among if server.kept_in != server.name}
        self.state_dir = state_dir
        self.usage = Usage()
        self._is_brief = is_brief
        self._children: dict[int, list[int]] | None = None  # of all processes, if one of the servers needs it
        self.is_guest = False  # a guest may not see the exe and cwd of these processes
        self.boot = record.boot_id()
        self._records = {server.kept_in: self._read(server) for server in watched}
        self.drifted: dict[str, tuple[identity.Process, str]] = {}  # recorded, and not as conf is now; and why
        self.directories = {server.directory for server in among}
        self.living = {server.kept_in: self._known(server) for server in watched}
        self._scan([server for server in watched if not self.living[server.kept_in]])

    def _known(self, server: Server) -> tuple[identity.Process, str] | None:
        known = self.record_of(server)
        process = evidence.recorded(known, self.boot)
        if process and not self._has_drifted(server, process, known):
            return process, known["source"]
        process, source, _ = evidence.named(server, self.directories)
        return (process, source) if process and not self._is_former(server, process) else None

    def _has_drifted(self, server: Server, process: identity.Process, known: dict[str, str]) -> bool:
        """Note a process that conf no longer describes; False: it is the server all the same, as its monitor has it."""
        words = drift.objection(known, process, server)
        if words and not (known["mode"] == "adopted" and process.cwd in server.elsewhere):
            self.drifted[server.kept_in] = process, words
        return bool(words) and not self._watcher_of(server)

    def _is_former(self, server: Server, process: identity.Process) -> bool:
        """Does conf no longer describe this process, by the record?  A pidfile or its directory may still fit."""
        former, _ = self.drifted.get(server.kept_in, (None, ""))
        return former is not None and former.pid == process.pid

    def _watcher_of(self, server: Server) -> str:
        return watcher_of(f"{self.state_dir}/servers/{server.kept_in}")

    def _scan(self, unknown: list[Server]) -> None:
        unwatched = [server for server in unknown if not self._watcher_of(server)]
        if not unwatched:
            return
        by_number = {server.number: server for server in unwatched}
        not_these = {os.getpid(), os.getppid(), *siblings.pids(self.state_dir, unwatched)}
        for line in scan.find(unwatched, self.directories, not_these, self._sift).split("\n")[:-1]:
            number, pid, _ = map(int, line.split())
            process = identity.look(pid)
            if process:
                self.living[by_number[number].kept_in] = process, "scan"

    def _sift(self, server: Server, found: list[identity.Process]) -> list[identity.Process]:
        """Those that may be the server: the former one is not, and what that left behind may only look like it."""
        found = [process for process in found if not self._is_former(server, process)]
        dead = self.dead_of(server)
        return succession.sifted(dead, found) if dead else found

    def dead_of(self, server: Server) -> Dead | None:
        """The process that its record of this boot names; ask only if that has ended."""
        return Dead.of_record(server, self.record_of(server), self.boot)

    def record_of(self, server: Server) -> dict[str, str]:
        """Its record when the look began; empty values if there is no record, or a torn one."""
        return self._records[server.kept_in]

    def _read(self, server: Server) -> dict[str, str]:
        try:
            known = record.read(f"{self.state_dir}/servers/{server.kept_in}")
        except (record.Torn, OSError):
            known = {}
        return known or dict.fromkeys(record.KEYS, "")

    def of(self, server: Server) -> dict[str, Any]:
        """One server's row with the keys of KEYS; None for unknown values."""
        living = self.living[server.kept_in]
        if living and self.record_of(server)["pid"] != str(living[0].pid):
            self._records[server.kept_in] = self._read(server)  # the monitor may have started it since our look began
        known = self.record_of(server)
        watcher = self.watchers[server.kept_in] = self._watcher_of(server)
        row: dict[str, Any] = dict.fromkeys(KEYS)
        row.update(name=server.name, restarts=int(known["restarts"] or 0), port=server.port or None)
        row["tags"] = list(server.tags)
        row["want"] = record.read_want(f"{self.state_dir}/servers/{server.kept_in}")
        row["last_exit"] = known["last_exit"] or None
        row["state"] = (known["state"] or "UNKNOWN") if watcher else "STOPPED"  # UNKNOWN: the monitor has just begun
        row["message"] = self._message(server, known, bool(watcher))
        end = silences.until(self.state_dir, server.kept_in, time.time())
        if end != silences.NEVER:
            row["message"] = "; ".join(filter(None, (row["message"], silences.in_words(end))))
        if living:
            self._add_living(row, *living, known)
        elif row["state"] == "RUNNING" or (self.is_guest and not watcher):
            row["state"] = "UNKNOWN"  # it has died and the record does not show it yet; or we may not see it
        if server.name in self._namesakes:
            row["message"] = "; ".join(filter(None, (row["message"], f"in {server.place}")))
        return row

    def _message(self, server: Server, known: dict[str, str], is_watched: bool) -> str | None:
        _, drifted = self.drifted.get(server.kept_in, (None, ""))
        if not is_watched:
            return f"{drifted}; no monitor watches it" if drifted else "no monitor watches it"
        if drifted and drifted not in known["message"]:
            return "; ".join(filter(None, (known["message"], drifted, "./monitor.sh update restarts it")))
        return known["message"] or None

    def _add_living(self, row: dict[str, Any], process: identity.Process, source: str, known: dict[str, str]) -> None:
        age = boot_seconds() - process.ticks / os.sysconf("SC_CLK_TCK")
        is_unclear = row["state"] == known["state"] == "UNKNOWN"  # a path of it does not answer: the message says which
        if row["state"] not in ("STARTING", "STOPPING", "PAUSED") and not is_unclear:
            row["state"] = "RUNNING"
        if process.state in "Tt":
            row["message"] = STOPPED_BY_SIGNAL
        elif row["message"]:  # the record still has what the monitor saw at its last look
            row["message"] = "; ".join(part for part in row["message"].split("; ") if part != STOPPED_BY_SIGNAL) or None
        row.update(pid=process.pid, started=round(time.time() - age, 3), uptime=round(age, 3), source=source)
        row["mode"] = known["mode"] if known["pid"] == str(process.pid) else None
        row.update(self.usage.of(process))
        if not self._is_brief:
            row.update(open_files=open_files(process.pid), processes=self._count(process.pid, known))

    def _count(self, pid: int, known: dict[str, str]) -> int:
        """How many processes it has: those in its cgroup, or else itself and its descendants."""
        inside = cgroup.members(known["cgroup"]) if known["cgroup"] and known["pid"] == str(pid) else []
        if pid in inside:
            return len(inside)
        if self._children is None:
            self._children = _children_of_all()
        count, unseen = 0, [pid]
        while unseen:
            count += 1
            unseen += self._children.get(unseen.pop(), [])
        return count


def _children_of_all() -> dict[int, list[int]]:
    """The children of each process that has any, zombies excepted."""
    found: dict[int, list[int]] = {}
    for pid, row in descent.table_of(int(name) for name in os.listdir("/proc") if name.isdigit()).items():
        if row.state not in "ZX":
            found.setdefault(row.ppid, []).append(pid)
    return found
