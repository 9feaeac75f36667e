"""A monitor of a copy of the suite, and servers of several kinds that it watches: we kill them, and see them come back.

A server writes the time of its first instruction (fixtures/kinds.c), so what a death has cost is known to the
microsecond.  Only a server that is RUNNING by its record is killed: one that was not up for start_seconds does not die,
it fails to start.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from proofs.given import ROOT
from scratch import begin

PATIENCE = 120.0  # seconds
STILL = 8.0  # seconds in which nothing more is told: nothing more comes
LATE = 2.5  # seconds; what is told twice is told again by then
KINDS = {
    "foreground": ("", ""),
    "daemon": ("--daemonize server.pid", "pid_from = own, pidfile server.pid\n"),
    "log to move": ("--log", "pid_from = own, log log*_1.txt 2\n"),
    "output kept": ("--print", "output = kept\n"),
    "heartbeat": ("--beat", "heartbeat = notify\nheartbeat_timeout = 30s\n"),
}
HOOK = '#!/bin/sh\nprintf "%s\\n" "$MONITOR_INCIDENT" >>"${0%/*}/../../told"\n'


class Stuck(Exception):
    """Something did not come to be in time."""


@dataclass
class Server:
    """One of them.

    pid: of the process that its last stamp names.  starts, deaths: how often it stamped, and was killed.  killed_at:
    the moment of a kill that has not been answered, in ns; 0 without one.
    """

    name: str
    kind: str
    pid: int = 0
    starts: int = 0
    deaths: int = 0
    killed_at: int = 0


@dataclass
class Seen:
    """What has come of the kills.

    killed: incidents.  latency: ms, from each SIGKILL to the next stamp, in the order of the stamps.  kinds: of these.
    """

    killed: list[str] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


class Watched:
    """Of one suite, in a directory of its own.

    place: that directory.  names: name -> kind.  conf: monitor.conf.  own: more lines for the conf of a server.
    """

    def __init__(self, place: Path, names: dict[str, str], conf: str, own: Callable[[str], str]) -> None:
        self.place, self.state, self.seen = place, place / "state", Seen()
        self.servers = {name: Server(name, kind) for name, kind in names.items()}
        self._is_between = False  # two monitors
        self._helper = 0
        self._part = ""  # of a stamp
        self._boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        self.suite = _copied_suite(place)
        self._stamps = _prepare(place, conf)
        for name in names:
            (place / "srv" / name).mkdir(parents=True)
            self.configure(name, own(name))
        self.monitor: subprocess.Popen[bytes] | None = None

    def configure(self, name: str, more: str) -> None:
        """Write the conf of a server."""
        words, lines = KINDS[self.servers[name].kind]
        program, stamps = self.place / "kinds", self.place / "stamps"
        text = f"dir = {self.place}/srv/{name}\ncommand = {program} {stamps} {name} {words}\nmatch = {name}\n{lines}"
        text += "" if "output" in lines else "output = /dev/null\n"
        (self.place / f"conf/servers/{name}.conf").write_text(text + more)

    # --- the suite

    def order(self, *words: str) -> subprocess.Popen[bytes]:
        """monitor.sh with these words."""
        program = [str(self.suite / "monitor.sh"), "-c", f"{self.place}/conf", "-s", str(self.state)]
        return begin([*program, *words], self.place.parent, self.place / "out", {})

    def start(self) -> None:
        """A monitor of all servers.  Raises Stuck if they do not all run in time."""
        self.watch()
        self.until("all servers run", lambda: all(map(self.runs, self.servers)))

    def watch(self) -> None:
        """A monitor.  Raises Stuck if it does not begin in time."""
        self.monitor = self.order("all")
        self.until("a monitor watches", lambda: self.helper() and not (self._run_dir() / "beginning").exists())

    def replace(self, meanwhile: Callable[[], None]) -> None:
        """End the monitor; the servers live on; then another one takes over.  Raises Stuck.

        meanwhile: called while there is none.  What dies then is told and started, but its latency is not ours.
        """
        assert self.monitor
        self._is_between = True
        self.monitor.terminate()
        self.monitor.wait(PATIENCE)
        meanwhile()
        self.watch()
        self._between_ends()

    def renew(self, number: int, meanwhile: Callable[[], None]) -> None:
        """Another version is installed, and an update finds a change: the monitor executes itself anew.  Raises Stuck.

        number: of the version.  meanwhile: as in replace().
        """
        self._is_between = True
        before, moment = self.helper(), 10**9 + number
        os.utime(self.suite / "pyhelpers/watch/messages.py", (moment, moment))
        update = self.order("update")
        meanwhile()
        self.until("a helper of the other version", lambda: self.helper() not in (0, before))
        self.until("it watches", lambda: not (self._run_dir() / "beginning").exists())
        update.wait(PATIENCE)
        self._between_ends()

    def _between_ends(self) -> None:
        """Whoever died meanwhile has come back; from now on we measure again.  Raises Stuck."""
        self.until("all servers run", lambda: all(map(self.runs, self.servers)))
        self._is_between = False

    def helper(self) -> int:
        """Its pid; 0 if there is none yet."""
        assert self.monitor
        pid = self.monitor.pid
        try:
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                if b"/alive.py\0watch" in Path(f"/proc/{child}/cmdline").read_bytes() and self._run_dir().is_dir():
                    self._helper = int(child)
                    return self._helper
        except OSError:
            pass
        return 0

    def pids(self) -> list[int]:
        """Of the shell and the helper, once until() has seen this."""
        assert self.monitor
        return [self.monitor.pid, self._helper]

    def until(self, what: str, is_so: Callable[[], object]) -> None:
        """Wait, and look at stamps meanwhile.  Raises Stuck."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > deadline:
                raise Stuck(f"waited in vain until {what}")
            time.sleep(0.01)
            self.look()

    def settle(self, count: Callable[[], int], wanted: int) -> None:
        """Wait until so many are told, and whatever comes too late or too often; who judges sees what is missing."""
        told, since = count(), time.monotonic()
        while time.monotonic() - since < (STILL if told < wanted else LATE):
            time.sleep(0.1)
            self.look()
            before, told = told, count()
            since = time.monotonic() if told != before else since

    def _run_dir(self) -> Path:
        assert self.monitor
        return self.state / f"monitors/{self.monitor.pid}"

    # --- the servers

    def look(self) -> None:
        """Take the new stamps: who has started, and how long after its death."""
        for line in self._whole_stamps():
            name, pid, at = line.split()
            server = self.servers[name]
            server.pid, server.starts = int(pid), server.starts + 1
            if server.killed_at:
                if not self._is_between:
                    self.seen.latency.append((int(at) - server.killed_at) / 1e6)
                    self.seen.kinds.append(server.kind)
                server.killed_at = 0

    def _whole_stamps(self) -> Iterator[str]:
        """The new lines.  A write that crosses the end of a page is seen in two parts: we leave the first for later."""
        while line := self._stamps.readline():
            self._part += line
            if line.endswith("\n"):
                whole, self._part = self._part, ""
                yield whole

    def runs(self, name: str) -> bool:
        """Is it RUNNING by its record, as the process of its last stamp?"""
        record, server = self._record(name), self.servers[name]
        return not server.killed_at and record.get("state") == "RUNNING" and record.get("pid") == str(server.pid)

    def kill(self, name: str) -> bool:
        """Kill it if it is RUNNING; was it?"""
        self.look()
        server = self.servers[name]
        if not self.runs(name) or not (ticks := _ticks(server.pid)):
            return False
        self.seen.killed.append(f"{name}-{server.pid}-{ticks}-{self._boot}")
        server.deaths += 1
        server.killed_at = time.monotonic_ns()
        os.kill(server.pid, signal.SIGKILL)
        return True

    def down(self) -> int:
        """How many have been killed, and are not back."""
        self.look()
        return sum(1 for server in self.servers.values() if server.killed_at)

    def all_back(self) -> list[str]:
        """Wait until each has come back; a sentence for each that has not."""
        try:
            self.until("all servers run", lambda: all(map(self.runs, self.servers)))
        except Stuck:
            pass
        return [f"{name} did not come back" for name in self.servers if not self.runs(name)]

    def _record(self, name: str) -> dict[str, str]:
        """The last block of its record; {} while there is none."""
        try:
            text = (self.state / f"servers/{name}/record").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return {}
        block = text.removesuffix("end\n").rpartition("\nend\n")[2]
        return dict(line.split(" ", 1) for line in block.split("\n") if " " in line)

    # --- what the suite has told

    def told(self) -> Iterator[str]:
        """The incident of each death in the history."""
        for path in sorted(self.state.glob("history*.jsonl")):
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    if '"event":"death"' in line:
                        yield json.loads(line)["incident"]

    def alerted(self) -> Counter[str]:
        """How often the hook was called, for each incident."""
        path = self.place / "told"
        return Counter(path.read_text().split()) if path.exists() else Counter()

    def faults(self) -> list[str]:
        """What the suite has noticed of its own faults."""
        path = self.state / "faults.log"
        return (
            [f"the suite shows a fault of its own: {path.read_text()[:500]}"]
            if path.exists() and path.stat().st_size
            else []
        )


def _prepare(place: Path, conf: str) -> TextIO:
    """Conf, hook and program; returns the file of the stamps, open."""
    (place / "conf/servers").mkdir(parents=True)
    (place / "conf/hooks").mkdir()
    (place / "conf/hooks/sms").write_text(HOOK)
    (place / "conf/hooks/sms").chmod(0o700)
    (place / "conf/monitor.conf").write_text(conf)
    source = ROOT / "test/fixtures/kinds.c"
    subprocess.run(["cc", "-O1", "-o", place / "kinds", source], check=True)
    (place / "stamps").touch()
    return open(place / "stamps", encoding="ascii")


def _copied_suite(place: Path) -> Path:
    """A copy that may be replaced under its monitor."""
    suite = place / "suite"
    suite.mkdir(parents=True)
    shutil.copy2(ROOT / "monitor.sh", suite)
    for name in ("lib", "pyhelpers", "conf"):
        shutil.copytree(ROOT / name, suite / name)
    if (ROOT / ".venv").is_dir():
        (suite / ".venv").symlink_to(ROOT / ".venv")
    return suite


def _ticks(pid: int) -> str:
    """The start ticks of a living process; "" if it is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def mixed(number: int, kinds: Sequence[str] = tuple(KINDS), first: str = "s") -> dict[str, str]:
    """Name -> kind of so many servers, of each kind as many."""
    return {f"{first}{index:04d}": kinds[index % len(kinds)] for index in range(number)}
