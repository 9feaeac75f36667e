"""The metrics: name, type and what they are about, in the order in which they are shown.

Names, types and labels are a promise: dashboards and rules of others use them.
"""

from __future__ import annotations

_TABLE = """\
monitor_build_info gauge The version of the suite; always 1.
monitor_last_pass_timestamp_seconds gauge When a monitor has looked at all evidence last, Unix time.
monitor_lag_seconds gauge How late a monitor is: the longest of its delays in the last interval.
monitor_server_up gauge Does the server run (state RUNNING, or PAUSED with a process)?
monitor_server_wanted gauge Is the server to run, by its operator and by conf?
monitor_server_state gauge Always 1, for the present state alone.
monitor_server_start_time_seconds gauge When its process was started, Unix time.
monitor_server_restarts_total counter How often it has come back after an end that no one ordered.
monitor_server_ends_total counter How often it has ended without an order, by cause.
monitor_server_down_seconds_total counter How long it was wanted, watched, and did not run, until now.
monitor_restart_duration_seconds histogram From the death of a server to its next process, all servers.
monitor_server_cpu_seconds_total counter Processor time of the server and all that it started.
monitor_server_memory_bytes gauge Memory of the server and all that it started.
monitor_server_open_fds gauge Open descriptors of the server's own process.
monitor_server_max_fds gauge How many descriptors that process may have open.
monitor_server_processes gauge How many processes the server consists of.
monitor_server_check_success gauge Was the last answer to its check good?
monitor_server_check_duration_seconds gauge How long that answer took.
monitor_server_last_beat_timestamp_seconds gauge When its heartbeat was seen last, Unix time.
monitor_socket_backlog gauge Connections that wait on a TCP socket that the monitor holds for the server.
monitor_singleton_holder gauge Has this machine the lock of the singleton?
monitor_singleton_candidate gauge Does this machine stand by for it?
monitor_singleton_token gauge The fencing token of this machine's hold; it grows with each one, on all machines.
monitor_fleet_last_beat_timestamp_seconds gauge When the last beat was sent that etcd has, Unix time.
monitor_server_silenced gauge Are its alerts silenced?
monitor_alerts_sent_total counter Messages that the hook has sent.
monitor_alerts_refused_total counter Messages that the hook has refused.
monitor_alerts_waiting gauge Messages that wait for the hook.
monitor_alerts_oldest_waiting_seconds gauge How long the oldest of them has waited.
""".split("\n")


def _row(line: str) -> tuple[str, tuple[str, str]]:
    name, kind, help_text = line.split(" ", 2)
    return name, (kind, help_text)


METRICS = dict(_row(line) for line in _TABLE if line)
