"""Which keys are there? Every key of conf with its default and its parser; no other file repeats them.

    $ cd pyhelpers; python3 -m config.keys
    interval = 15s
    state_dir = state
    ...

prints them in the form of conf, the suite's own keys first. `dir`, `command`, `match` and, for the four servers,
`needs_file` have defaults that depend on the server: config/confdir.py fills them in. Exit status: 0.
"""

from __future__ import annotations

from config import fleet_values, heartbeat_values, instances, life_values, needs, neighbours
from config.check_values import check
from config.limit_values import cores, max_cpu, max_fds, max_memory, memory, output_max, percent
from config.private_values import env_files, secrets
from config.quiet_hours import quiet
from config.socket_values import channels, sockets
from config.values import (
    account,
    assignment,
    backoff,
    command,
    deadman,
    duration,
    exit_codes,
    give_up,
    inherited,
    kept,
    match,
    name,
    one_of,
    or_none,
    or_unlimited,
    output,
    path,
    pid_from,
    report,
    several,
    size,
    tag,
    umask,
    whole,
    yes_or_no,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from config.values import Parser

    # values by key, of one server or of the suite: int, str, list[int], list[str], or list[list[str]] (pid_from)
    Values = dict[str, Any]

IM_SERVERS = ("login_server", "msg_server", "route_server", "http_msg_server")

# How a changed key takes effect.  RESTART: it shapes the process, so restart the process.  APPLY: only the monitor uses
# it.  TOLD: as RESTART, if the process gets it at launch; else as APPLY.
RESTART, APPLY, TOLD = "restart", "apply", "told"

SUITE: dict[str, tuple[str, Parser]] = {
    "interval": ("15s", duration(100)),
    "state_dir": ("state", path),
    "syslog": ("no", yes_or_no),
    "control_group": ("none", or_none(account("group"), "")),
    "digest_after": ("10", or_none(whole(1, 100_000), 0)),
    "digest_window": ("60s", duration(1)),
    "hourly_budget": ("30", or_none(whole(1, 100_000), 0)),
    "recovery_quiet": ("5s", duration()),
    "hook_dead_after": ("10m", duration()),
    "quiet": ("none", or_none(quiet, [])),
    "deadman": ("none", or_none(deadman, [])),
    "metrics": ("none", or_none(path, "")),
    "report": ("none", or_none(report, [])),
    "fleet": ("none", or_none(fleet_values.fleet, [])),
    "fleet_lease": ("15s", duration(3000, 300_000)),
    "host": ("uname -n", or_none(fleet_values.host, "", "uname -n")),
}

SERVER: dict[str, tuple[str, Parser, str]] = {
    "dir": ("", path, RESTART),
    "command": ("", command, RESTART),
    "match": ("", match, APPLY),
    "needs_file": ("none", or_none(several(), []), APPLY),
    "port": ("none", or_none(whole(1, 65535), ""), APPLY),
    "pid_from": ("own", pid_from, APPLY),
    "start": ("auto", one_of("auto", "manual", foreign=neighbours.START), APPLY),
    "restart": ("always", one_of("always", "unexpected", "never", foreign=neighbours.RESTART), APPLY),
    "exit_codes": ("0", or_none(exit_codes, []), APPLY),
    "start_seconds": ("1s", duration(), APPLY),
    "start_timeout": ("30s", duration(1), APPLY),
    "rival_wait": ("10s", duration(), APPLY),
    "backoff": ("0s 60s", backoff, APPLY),
    "give_up": ("never", give_up, APPLY),
    "restart_every": ("none", or_none(life_values.restart_every, ""), APPLY),
    "stop": ("TERM 5s KILL", life_values.stop, APPLY),
    "stop_tree": ("yes", yes_or_no, APPLY),
    "start_pre": ("none", or_none(life_values.command, []), APPLY),
    "start_post": ("none", or_none(life_values.command, []), APPLY),
    "stop_post": ("none", or_none(life_values.command, []), APPLY),
    "reload": ("none", or_none(life_values.reload, []), APPLY),
    "user": ("inherited", inherited(account("user")), RESTART),
    "group": ("inherited", inherited(account("group")), RESTART),
    "umask": ("inherited", inherited(umask), RESTART),
    "environment": ("inherited", or_none(several(assignment), [], "inherited"), RESTART),
    "environment_clean": ("no", yes_or_no, RESTART),
    "env_file": ("none", or_none(env_files, []), RESTART),
    "secrets": ("none", or_none(secrets, []), RESTART),
    "nice": ("inherited", inherited(whole(-20, 19)), RESTART),
    "oom_score_adj": ("inherited", inherited(whole(-1000, 1000)), RESTART),
    "limit_nofile": ("inherited", inherited(or_unlimited(whole(1, 1 << 30))), RESTART),
    "limit_core": ("inherited", inherited(or_unlimited(size)), RESTART),
    "limit_memory": ("inherited", inherited(or_unlimited(size)), RESTART),
    "core": ("no", cores, RESTART),
    "no_new_privileges": ("no", yes_or_no, RESTART),
    "cgroup": ("auto", one_of("auto", "no", foreign=neighbours.CGROUP), APPLY),
    "memory_cap": ("none", or_none(memory, ""), RESTART),
    "cpu_cap": ("none", or_none(percent, ""), RESTART),
    "tasks_cap": ("none", or_none(whole(1, 1 << 22), ""), RESTART),
    "output": ("kept", output, RESTART),
    "output_max": ("10M", or_none(output_max, 0), APPLY),
    "output_keep": ("3", whole(0, 1000), APPLY),
    "logs": ("log*.txt", or_none(several(), []), APPLY),
    "oldlog": ("oldlog", path, APPLY),
    "oldlog_keep": ("100", kept, APPLY),
    "instances": ("none", or_none(instances.instances, []), APPLY),
    "tags": ("none", or_none(several(tag), []), APPLY),
    "needs": ("none", or_none(needs.needs, [[], []]), APPLY),
    "singleton": ("no", yes_or_no, RESTART),
    "singleton_after": ("0s", duration(), APPLY),
    "sockets": ("none", or_none(sockets, []), RESTART),
    "channels": ("none", or_none(channels, []), RESTART),
    "channel_type": ("dgram", one_of("dgram", "seqpacket", "stream", foreign=neighbours.CHANNEL_TYPE), RESTART),
    "channel_every": ("200ms", duration(10), APPLY),
    "fd_passing": ("listen", one_of("listen", "scm", foreign=neighbours.FD_PASSING), RESTART),
    "check": ("none", or_none(check, []), APPLY),
    "check_every": ("15s", duration(100), APPLY),
    "check_timeout": ("5s", duration(100), APPLY),
    "check_failures": ("3", whole(1, 1000), APPLY),
    "heartbeat": ("none", or_none(heartbeat_values.source, []), TOLD),
    "heartbeat_timeout": ("by source", or_none(duration(100), "", "by source"), APPLY),
    "heartbeat_key": ("0x5095", heartbeat_values.key, APPLY),
    "heartbeat_layout": ("<i51sxi4xq", heartbeat_values.layout, APPLY),
    "heartbeat_slots": ("1000", whole(1, 1_000_000), APPLY),
    "max_memory": ("none", or_none(max_memory, []), APPLY),
    "max_cpu": ("none", or_none(max_cpu, []), APPLY),
    "max_fds": ("none", or_none(max_fds, []), APPLY),
    "alert": ("sms", or_none(several(name), []), APPLY),
    "alert_on": (
        "death give_up recovery hung limit",
        or_none(
            several(one_of("death", "second", "give_up", "recovery", "hung", "limit", foreign=neighbours.EVENTS)), []
        ),
        APPLY,
    ),
}

if __name__ == "__main__":
    for _key, (_default, *_) in {**SUITE, **SERVER}.items():
        print(f"{_key} = {_default}")
