"""Which keys are there? Every key of conf, with its default and the parser of its values; said here and nowhere else.

    $ cd pyhelpers; python3 -m config.keys
    interval = 15s
    state_dir = state
    ...

prints them as conf writes them, the suite's own keys first. `dir`, `command`, `match` and, for the four servers,
`needs_file` have defaults that depend on the server: config/confdir.py makes them. Exit status: 0.
"""

from __future__ import annotations

from config import heartbeat_values
from config.check_values import check
from config.limit_values import max_cpu, max_fds, max_memory
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
    path,
    pid_from,
    several,
    size,
    stop,
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
    "quiet": ("none", quiet),
    "deadman": ("none", or_none(deadman, [])),
}

SERVER: dict[str, tuple[str, Parser]] = {
    "dir": ("", path),
    "command": ("", command),
    "match": ("", match),
    "needs_file": ("none", or_none(several(), [])),
    "port": ("none", or_none(whole(1, 65535), "")),
    "pid_from": ("own", pid_from),
    "restart": ("always", one_of("always", "unexpected", "never")),
    "exit_codes": ("0", or_none(exit_codes, [])),
    "start_seconds": ("1s", duration()),
    "start_timeout": ("30s", duration(1)),
    "backoff": ("0s 60s", backoff),
    "give_up": ("never", give_up),
    "stop": ("TERM 5s KILL", stop),
    "stop_tree": ("yes", yes_or_no),
    "user": ("inherited", inherited(account("user"))),
    "group": ("inherited", inherited(account("group"))),
    "umask": ("inherited", inherited(umask)),
    "environment": ("inherited", or_none(several(assignment), [], "inherited")),
    "nice": ("inherited", inherited(whole(-20, 19))),
    "oom_score_adj": ("inherited", inherited(whole(-1000, 1000))),
    "limit_nofile": ("inherited", inherited(or_unlimited(whole(1, 1 << 30)))),
    "limit_core": ("inherited", inherited(or_unlimited(size))),
    "limit_memory": ("inherited", inherited(or_unlimited(size))),
    "no_new_privileges": ("no", yes_or_no),
    "output": ("/dev/null", path),
    "logs": ("log*.txt", or_none(several(), [])),
    "oldlog": ("oldlog", path),
    "oldlog_keep": ("100", kept),
    "needs": ("none", or_none(several(name), [])),
    "sockets": ("none", or_none(sockets, [])),
    "channels": ("none", or_none(channels, [])),
    "channel_type": ("dgram", one_of("dgram", "seqpacket", "stream")),
    "channel_every": ("200ms", duration(10)),
    "fd_passing": ("listen", one_of("listen", "scm")),
    "check": ("none", or_none(check, [])),
    "check_every": ("15s", duration(100)),
    "check_timeout": ("5s", duration(100)),
    "check_failures": ("3", whole(1, 1000)),
    "heartbeat": ("none", or_none(heartbeat_values.source, [])),
    "heartbeat_timeout": ("by source", or_none(duration(100), "", "by source")),
    "heartbeat_key": ("0x5095", heartbeat_values.key),
    "heartbeat_layout": ("<i51sxi4xq", heartbeat_values.layout),
    "heartbeat_slots": ("1000", whole(1, 1_000_000)),
    "max_memory": ("none", or_none(max_memory, [])),
    "max_cpu": ("none", or_none(max_cpu, [])),
    "max_fds": ("none", or_none(max_fds, [])),
    "alert": ("sms", or_none(several(name), [])),
    "alert_on": (
        "death give_up recovery hung limit",
        or_none(several(one_of("death", "second", "give_up", "recovery", "hung", "limit")), []),
    ),
}

if __name__ == "__main__":
    for _key, (_default, _) in {**SUITE, **SERVER}.items():
        print(f"{_key} = {_default}")
