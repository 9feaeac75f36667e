"""One server: its settings from conf, and its process now."""

from __future__ import annotations

import os

from config import settled
from config.launch_settings import forget_our_supervisor
from config.server_settings import ServerSettings
from proc import identity, succession
from proc.descent import ticks_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

GENERATIONS = 64  # no real ancestry is longer; a pid that is reused while we climb cannot lead us round endlessly


class Server(ServerSettings):
    """Its settings, and the identity of its living process: pid 0 while there is none.

    pidfd: the loop waits on it while the process lives; sid: its session, if that was made for it, else 0; seen: when
    we last knew it to be in that session, in ticks since boot; kids: pid -> start ticks of its descendants, as last
    seen; invocation: the id of its launch; cgroup: the directory of that launch's, or ""; oom_kills: how
    many processes in it the kernel had killed at our last look; owner: the uid that it has,
    or was launched with.  See proc/descent.py.
    images: the images in which we have seen its processes, see proc/succession.py; parent: pid and start ticks of its
    parent if that is another process than we, and unit its systemd unit, see proc/rivals.py.
    elsewhere: directories of the servers in conf that this monitor does not watch.  unheard: numbers of the sources of
    pid_from that may not answer; moved_logs: how many its last start moved; former: what conf said when its process was
    taken for the server, if conf no longer describes that process (proc/drift.py), else {}; brought: the pids that
    hands have brought from them.
    """

    __slots__ = (
        "brought cgroup elsewhere former images invocation kids last_exit memory message mode moved_logs oom_kills "
        "owner parent pid pidfd restarts seen sid source state ticks unheard unit"
    ).split()

    def __init__(self, number: int, name: str, settings: settled.Settings) -> None:
        super().__init__(number, name, settings)
        self.pid = self.ticks = self.sid = self.seen = 0
        self.invocation = self.cgroup = ""
        self.oom_kills = self.moved_logs = 0
        self.elsewhere: frozenset[str] = frozenset()
        self.owner = self.uid if self.uid >= 0 else os.geteuid()
        self.source = self.mode = ""
        self.pidfd = -1
        self.kids: dict[int, int] = {}
        self.former: dict[str, str] = {}
        self.images: tuple[str, ...] = ()
        self.parent = (0, 0)
        self.unit = ""
        self.state = "UNKNOWN"
        self.unheard: tuple[int, ...] = ()
        self.brought: dict[int, list[int]] | None = None
        self.restarts = 0
        self.memory = "-"
        self.last_exit = ""
        self.message = ""

    def is_now(self, process: identity.Process, source: str, mode: str, made: int = 0) -> None:
        """Take this process for the server.  source: own pidfile log scan; mode: launched adopted.

        made: a session of which we know that it was made for this server.
        """
        self.pid, self.ticks = process.pid, process.ticks
        # The session of a process that we did not launch may be that of a terminal, so it counts only if the process
        # leads it.  A process that we launch never stays in our session
        is_own = process.sid in (process.pid, made) or (mode == "launched" and _descends_from_us(process.ppid))
        self.sid = process.sid if is_own else 0
        self.source, self.mode = source, mode
        self.kids, self.former = {}, {}
        self.parent, self.unit = _parent_of(process)
        self.is_seen()

    def is_seen(self) -> list[str] | None:
        """Look at the living process and note whether it is in its session; its stat fields, None if it is gone."""
        now = ticks_now()
        fields = identity.stat_fields(self.pid)
        if not fields or int(fields[19]) != self.ticks:
            return None
        if int(fields[3]) == self.sid:
            self.seen = now
        self.images = succession.noted(self.images, fields)
        if self.parent[0] and int(fields[1]) != self.parent[0]:  # its parent has ended
            self.parent, self.unit = _parent_of(identity.Process(self.pid, fields))
        return fields

    def counts_memory(self) -> bool:
        """Has its cgroup a memory controller?  In version 1 only a cap makes one."""
        capped = "memory_cap" in self.launch.caps
        return self.cgroup != "" and (capped or os.path.exists(f"{self.cgroup}/memory.events"))

    def is_confirmed(self) -> bool:
        """Has a source that conf names in pid_from confirmed that this process is the server?"""
        return self.source != "own" or self.mode != "launched" or any(source[0] == "own" for source in self.sources)


def _descends_from_us(parent: int) -> bool:
    """Does a process with that parent descend from us?  A launcher may stand in between."""
    us = os.getpid()
    for _ in range(GENERATIONS):
        if parent == us:
            return True
        fields = identity.stat_fields(parent)
        if not fields or parent == 1:
            return False
        parent = int(fields[1])
    return False


def servers_of(groups: Iterable[tuple[str, settled.Settings]]) -> tuple[settled.Settings, list[Server]]:
    """The suite's settings and the servers, from the groups of config/settled.py."""
    forget_our_supervisor()  # first: they take our environment as it is now
    suite: settled.Settings = {}
    servers: list[Server] = []
    elsewhere: frozenset[str] = frozenset()
    for name, settings in groups:
        if name == settled.SUITE:
            suite = settings
            elsewhere = frozenset(settled.elements(suite.get("directories", "")))
        else:
            server = Server(len(servers) + 1, name, settings)
            server.elsewhere = elsewhere
            servers.append(server)
    return suite, servers


def _parent_of(process: identity.Process) -> tuple[tuple[int, int], str]:
    """As proc/rivals.py says, which we load only for a process that another one has started."""
    if process.ppid == os.getpid():
        return (0, 0), ""
    from proc import rivals

    return rivals.parent_of(process)
