"""How is every server?  The truth from evidence, whether a monitor runs or not.

    $ python3 -E -s pyhelpers/status.py ROOT CONF_DIR STATE_DIR CWD [--json] [NAME...|--guard]
    msg_server    RUNNING  pid 812, uptime 0:02:35, restarts 1
    route_server  BACKOFF  restarts 4, it ended while it started (exit 3)

Exit, after the LSB: 0 all running · 1 dead, and its pidfile is left · 3 not running ·
4 unknown, no such server, or conf has a fault in one that nobody watches · 6 nothing of conf is in order.
`--guard`: see guarded.py.
"""

from __future__ import annotations

import os
import sys
import time

import conf
import evidence
import identity
import record
import scan
import silence
from clock import boot_seconds
from lock import watcher_of
from prepare import INTERRUPTED
from suitable import psutil_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from place import Place
    from server import Server

RUNNING, DEAD_WITH_PIDFILE, NOT_RUNNING, UNKNOWN = 0, 1, 3, 4
KEYS = (
    "name state want pid started uptime restarts last_exit source mode message cpu_percent memory_bytes open_files port"
).split()


class Look:
    """What can be found out about the servers of one conf directory and one state directory."""

    def __init__(self, watched: list[Server], state_dir: str, with_usage: bool = True) -> None:
        self.servers = watched
        self.state_dir = state_dir
        self._with_usage = with_usage
        self.is_guest = False  # may not see whose exe and directory a process has
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
        for line in scan.find(unwatched, self.directories, psutil_home(), {os.getpid(), os.getppid()}).split("\n")[:-1]:
            number, pid, _ = map(int, line.split())
            process = identity.look(pid)
            if process:
                self.living[by_number[number].name] = process, "scan"

    def record_of(self, server: Server) -> dict[str, str]:
        """Its record as the look began; empty values where there is none, or none that can be believed."""
        return self._records[server.name]

    def _read(self, server: Server) -> dict[str, str]:
        try:
            known = record.read(f"{self.state_dir}/servers/{server.name}")
        except (record.Torn, OSError):
            known = {}
        return known or dict.fromkeys(record.KEYS, "")

    def of(self, server: Server) -> dict[str, Any]:
        """One server's row, with the keys of KEYS; None for what is not known."""
        living = self.living[server.name]
        if living and self.record_of(server)["pid"] != str(living[0].pid):
            self._records[server.name] = self._read(server)  # it may have been started since that was read
        known = self.record_of(server)
        watcher = watcher_of(f"{self.state_dir}/servers/{server.name}")
        row: dict[str, Any] = dict.fromkeys(KEYS)
        row.update(name=server.name, restarts=int(known["restarts"] or 0), port=server.port or None)
        row["want"] = record.read_want(f"{self.state_dir}/servers/{server.name}")
        row["last_exit"] = known["last_exit"] or None
        row["state"] = (known["state"] or "UNKNOWN") if watcher else "STOPPED"  # UNKNOWN: it has not looked yet
        row["message"] = (known["message"] or None) if watcher else "nobody watches: no monitor runs"
        end = silence.until(self.state_dir, server.name, time.time())
        if end != silence.NEVER:
            row["message"] = "; ".join(filter(None, (row["message"], silence.in_words(end))))
        if living:
            self._add_living(row, *living, known)
        elif row["state"] == "RUNNING" or (self.is_guest and not watcher):
            row["state"] = "UNKNOWN"  # between its death and the record of it; or we may not see it
        return row

    def _add_living(self, row: dict[str, Any], process: identity.Process, source: str, known: dict[str, str]) -> None:
        age = boot_seconds() - process.ticks / os.sysconf("SC_CLK_TCK")
        if row["state"] not in ("STARTING", "STOPPING", "PAUSED"):
            row["state"] = "RUNNING"
        if process.state in "Tt":
            row["message"] = "stopped by a signal (state T)"
        row.update(pid=process.pid, started=round(time.time() - age, 3), uptime=round(age, 3), source=source)
        row["mode"] = known["mode"] if known["pid"] == str(process.pid) else None
        if self._with_usage:
            row.update(usage(process.pid, age))


def usage(pid: int, age: float) -> dict[str, Any]:
    """cpu_percent over its life, memory_bytes (RSS), open_files; {} for what we may not see."""
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


def as_line(row: dict[str, Any], width: int) -> str:
    """The row for a person: name, state, then pid, uptime and restarts, and why."""
    words = []
    if row["pid"]:
        words += [f"pid {row['pid']}", f"uptime {_clock(row['uptime'])}"]
    words.append(f"restarts {row['restarts']}")
    if row["message"]:
        words.append(row["message"])
    return f"{row['name']:{width}}  {row['state']:8}  {', '.join(words)}"


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


def exit_status(rows: list[dict[str, Any]], look: Look) -> int:
    """The LSB's word for the worst of them."""
    worst = RUNNING
    for server, row in zip(look.servers, rows):
        if row["state"] == "UNKNOWN":
            return UNKNOWN
        if row["state"] != "RUNNING" and not (row["state"] == "PAUSED" and row["pid"]):
            files = [source[1] for source in server.sources if source[0] == "pidfile"]
            left = row["state"] == "STOPPED" and any(os.path.exists(path) for path in files)
            worst = max(worst, DEAD_WITH_PIDFILE if left else NOT_RUNNING)
    return worst


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    import target
    from place import Place

    names = [word for word in argv[4:] if word != "--json"] or ["all"]
    if names == ["--guard"]:
        import guarded

        return target.end(lambda: guarded.show(Place(*argv[:4]).state_dir, "--json" in argv[4:]))
    status = target.end(lambda: _show(names, "--json" in argv[4:], Place(*argv[:4])))
    no_such_server = status == conf.NOT_CONFIGURED and names != ["all"]
    return UNKNOWN if no_such_server else status


def _show(names: list[str], as_json: bool, place: Place) -> int:
    watched = place.servers(names, partly=True)
    look = Look(watched, place.state_dir, with_usage=as_json)
    look.is_guest = place.is_guest
    rows = [look.of(server) for server in watched]
    if as_json:
        import json

        print(json.dumps(rows, ensure_ascii=False))
    else:
        width = max((len(row["name"]) for row in rows), default=0)
        print("\n".join(as_line(row, width) for row in rows))
    return UNKNOWN if place.lacks_some else exit_status(rows, look)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
