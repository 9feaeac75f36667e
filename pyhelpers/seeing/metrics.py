"""All metrics of one state directory: its servers, its monitors and its messages.  What is not known is absent.

`seeing/metric_names.py` has their names and types.
"""

from __future__ import annotations

from base.clock import TICKS_PER_SECOND
from config import settled
from operate.look import Look
from proc import identity
from seeing import alert_counts, patience, tally
from seeing.course import key_of
from seeing.exposition import Exposition
from seeing.metric_names import METRICS
from seeing.singletons import Singletons
from seeing.trees import Trees
from state import silences
from state.findings import MONITOR
from watch import faults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from proc.server import Server
    from seeing.monitors import Monitors
    from seeing.tally import Count, Tally
    from seeing.trees import TreeUsage

OF_VITALS = ("check_success", "check_duration_seconds", "last_beat_timestamp_seconds")
OF_MONITORS = ("last_pass_timestamp_seconds", "lag_seconds")
UNWANTED = ("EXITED", "STOPPED", "STANDBY")  # although no one has ordered it


class Report:
    """counters: caught up; now: Unix time."""

    def __init__(self, counters: Tally, monitors: Monitors, now: float) -> None:
        self._counters, self._monitors, self._now = counters, monitors, now
        self._shown = Exposition(METRICS)
        self._singletons = Singletons(counters.state_dir, monitors.groups, now)
        self._trees: list[tuple[Server, TreeUsage]] = []  # of those that run
        self.remarks: list[str] = []  # for a person

    def text(self, servers: list[Server], version: str) -> str:
        """All that is known of these servers.  version: of the suite.  Raises OSError."""
        self._shown.add("monitor_build_info", 1, version=version)
        for name in OF_MONITORS:  # of several monitors that which is worst
            worst = self._monitors.figure(MONITOR, name, max if name.startswith("lag") else min)
            self._shown.add(f"monitor_{name}", worst)
        look, trees = Look(servers, self._counters.state_dir, is_brief=True), Trees()
        for server in servers:
            self._on_behalf(server, look, trees)
        self._singletons.add_beat(self._shown)
        self._add_shares()
        if any(settings.get("sockets") for _, settings in self._monitors.groups.values()):
            self._add_backlogs(servers)
        self._add_durations()
        self._add_alerts()
        return self._shown.text()

    def _on_behalf(self, server: Server, look: Look, trees: Trees) -> None:
        """Add what is known of one server; a fault of ours stays with it, and is reported once for each place."""
        try:
            row = look.of(server)
            self._add_state(server, row)
            self._add_counters(server)
            self._add_vitals(server)
            self._add_usage(server, row["pid"], look, trees)
            if "singleton" in server.vital:
                self._singletons.add(self._shown, server, row)
        except Exception as error:
            where = f"{server.kept_in} {faults.place(error)}"
            if where not in self._counters.faults:
                self._counters.faults.append(where)
                faults.write(self._counters.state_dir, server.name, error)
            text = f"a fault of the monitor itself at {faults.place(error)}: {faults.words(error)}; see faults.log"
            self.remarks.append(f"{server.shown}: {text}")

    # -- servers ---------------------------------------------------------------------------------

    def _add_state(self, server: Server, row: dict[str, Any]) -> None:
        add, name, state = self._shown.add, server.shown, row["state"]
        if state != "UNKNOWN":
            is_up = state == "RUNNING" or (state == "PAUSED" and bool(row["pid"]))
            add("monitor_server_up", is_up, server=name)
        if server.kept_in in self._monitors.groups:
            add("monitor_server_wanted", row["want"] == "up" and state not in UNWANTED, server=name)
            add("monitor_server_state", 1, server=name, state=state)
        add("monitor_server_start_time_seconds", row["started"], server=name)
        is_silenced = silences.until(self._counters.state_dir, server.kept_in, self._now) != silences.NEVER
        add("monitor_server_silenced", is_silenced, server=name)

    def _add_counters(self, server: Server) -> None:
        add, name, key = self._shown.add, server.shown, key_of(server)
        count, down = self._counters.of(key), self._counters.down(key, self._now, self._monitors.watched)
        add("monitor_server_down_seconds_total", down, server=name)
        add("monitor_server_restarts_total", count.restarts, server=name)
        for cause, number in count.ends.items():
            add("monitor_server_ends_total", number, server=name, cause=cause)

    def _add_vitals(self, server: Server) -> None:
        for name in OF_VITALS:
            figure = self._monitors.figure(server.kept_in, name)
            self._shown.add(f"monitor_server_{name}", figure, server=server.shown)

    def _add_usage(self, server: Server, pid: int | None, look: Look, trees: Trees) -> None:
        count = self._counters.of(key_of(server))
        if pid:
            known = look.record_of(server)
            tree = trees.of(pid, known["cgroup"] if known["pid"] == str(pid) else "")
            self._trees.append((server, tree))
            self._count_processor(count, tree)
            self._add_sizes(server.shown, tree)
        self._shown.add("monitor_server_cpu_seconds_total", count.spent, server=server.shown)

    def _count_processor(self, count: Count, tree: TreeUsage) -> None:
        used, at = tree.processor(), self._counters.at
        if used is not None:
            is_new = not at or identity.ticks_of(tree.pid) / TICKS_PER_SECOND >= at
            count.processor(tree.counted_by, used, is_new)

    def _add_sizes(self, name: str, tree: TreeUsage) -> None:
        add = self._shown.add
        add("monitor_server_memory_bytes", tree.rss(), server=name, type="rss")
        add("monitor_server_open_fds", tree.open_fds(), server=name)
        add("monitor_server_max_fds", tree.max_fds(), server=name)
        add("monitor_server_processes", tree.processes(), server=name)

    def _add_shares(self) -> None:
        """The memory of which shared pages are divided: to ask for it may take long."""
        found = self._trees
        for index, share in patience.each(lambda index: found[index][1].pss(), range(len(found))).items():
            if share >= 0:
                self._shown.add("monitor_server_memory_bytes", share, server=found[index][0].shown, type="pss")

    def _add_backlogs(self, servers: list[Server]) -> None:
        from seeing import backlog

        waiting = backlog.waiting()
        for server in servers:
            _, settings = self._monitors.groups[server.kept_in]
            for name, kind, address, port, *_ in map(settled.words, settled.elements(settings["sockets"])):
                if kind == "tcp":  # of a unix socket the kernel does not tell
                    number = waiting.get(backlog.place(address, port))
                    self._shown.add("monitor_socket_backlog", number, server=server.shown, socket=name)

    # -- of all ----------------------------------------------------------------------------------

    def _add_durations(self) -> None:
        add, metric, total = self._shown.add, "monitor_restart_duration_seconds", 0
        for bound, number in zip(tally.BOUNDS, self._counters.durations):
            total += number
            add(metric, total, "_bucket", le=f"{bound:g}")
        total += self._counters.durations[-1]
        add(metric, total, "_bucket", le="+Inf")
        add(metric, self._counters.took, "_sum")
        add(metric, total, "_count")

    def _add_alerts(self) -> None:
        add, counted = self._shown.add, self._counters.alerts
        waiting = alert_counts.waiting(self._counters.state_dir)
        groups = self._monitors.groups.values()
        asked = {name for _, settings in groups for name in settled.elements(settings.get("alert", ""))}
        for hook in sorted({*asked, *waiting, *counted}):
            sent, refused = counted.get(hook, (0, 0))
            number, oldest = waiting.get(hook, (0, self._now))
            add("monitor_alerts_sent_total", sent, hook=hook)
            add("monitor_alerts_refused_total", refused, hook=hook)
            add("monitor_alerts_waiting", number, hook=hook)
            add("monitor_alerts_oldest_waiting_seconds", max(0.0, self._now - oldest), hook=hook)
