"""Are conf, the hooks and this machine in order?

    $ python3 -E -s pyhelpers/check.py ROOT CONF_DIR STATE_DIR CWD check
    conf/servers/x.conf:3: warning: x: no directory /srv/x; set dir in conf/servers/x.conf
    conf is good: 5 servers
    $ python3 -E -s pyhelpers/check.py ROOT CONF_DIR STATE_DIR CWD test
    python 3.11.2 (/usr/bin/python3), psutil in /usr/lib/python3/dist-packages
    kernel 6.1: exit status of adopted servers: no (needs Linux 6.15), the cause of their death is then unknown
    conf is good: 5 servers
    alerts /opt/monitor/state/alerts sms

A warning is what will fail, and no error of conf: with warnings alone the status is 0.
The last line of `test` is for the shell, which sends the TEST alert: the spool and the hooks.
Exit: 0 in order · 4 the state directory cannot be written · 6 conf or a hook is not in order.
"""

from __future__ import annotations

import os
import sys

from alerting import hook, reach
from base.exits import NO_PERMISSION, NOT_CONFIGURED
from base.instance_names import folded as folded_names
from base.libraries import psutil_home
from config import accounts, comments, confdir, grammar, settle
from operate import preflight, private_files
from proc import cause, cgroup, controllers
from proc.server import servers_of
from state import namesakes
from state.paths import ELSEWHERE, make_private, state_directory

LESS_EXACT = "what leaves its session and clears its environment is not ended with its server"


def check(root: str, conf_dir: str, cwd: str) -> tuple[settle.Settled | None, list[str]]:
    """The settled conf, or None if it has faults; and every fault of conf or of the hooks that it names."""
    faults = settle.check(conf_dir, root, cwd)
    if faults:
        return None, faults
    settled = settle.settle(conf_dir, root, cwd, ["all"])
    accounts.find(settled)
    faults = private_files.faults(settled) + controllers.objections(settled.servers)
    return settled, faults + hook.unfit(conf_dir, hooks_of(settled))


def hooks_of(settled: settle.Settled) -> list[str]:
    """The hooks that the servers' alert keys name."""
    return sorted({name for server in settled.servers for name in server["alert"]})


def warnings(settled: settle.Settled, conf_dir: str, state_dir: str) -> list[str]:
    """What will fail, although conf is good, as lines sorted by file and line."""
    conf = settled.conf
    if conf is None:
        return []
    found = comments.remarks(conf.settings())
    if settled.suite["fleet"]:
        from config import fleet_checks
        from fleet import remarks

        found += fleet_checks.remarks(conf, settled.suite)
        found += remarks.warnings(conf, settled.suite, settled.servers, conf_dir, state_dir)
    for name in hooks_of(settled):
        found += reach.comments_in(conf_dir, name)
        if reach.only_prints(conf_dir, name):
            path, line = _alert_line(settled, conf, name)
            found.append((path, line, f"hook {name} only prints: it reaches no phone; set alert = sms-http"))
    namesakes.find(settled, state_dir)
    for server, key, text in preflight.warnings(servers_of(settled.groups())[1], state_dir):
        path, line = conf.set_at(server.name, key)
        found.append((path, line, f"{server.name}: {text}"))
    for name, text in private_files.open_secrets(settled):
        path, line = conf.set_at(name, "secrets")
        found.append((path, line, f"{name}: {text}"))
    return [grammar.show((path, line, f"warning: {text}")) for path, line, text in sorted(set(found))]


def _alert_line(settled: settle.Settled, conf: confdir.ConfDir, name: str) -> tuple[str, int]:
    """The first line that names this hook; if it is only the default, the whole monitor.conf."""
    lines = [conf.set_at(server["name"], "alert") for server in settled.servers if name in server["alert"]]
    return min((place for place in lines if place[1]), default=(conf.monitor_path, 0))


def machine() -> list[str]:
    """The abilities of this machine that we use, as lines for a person."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    found = f"psutil in {psutil_home()}" if psutil_home() else "no psutil"
    release = os.uname().release
    adopted = "yes" if _knows_exit_of_reaped() else "no (needs Linux 6.15), the cause of their death is then unknown"
    return [
        f"python {version} ({sys.executable}), {found}",
        f"kernel {release}: exit status of adopted servers: {adopted}",
    ]


def cgroups(settled: settle.Settled) -> list[str]:
    """What is less exact here than with cgroups, as lines for a person, if a server may have one."""
    if cgroup.home() or all(server["cgroup"] == "no" for server in settled.servers):
        return []
    return [f"cgroups: none can be made here: {cgroup.objection()}; {LESS_EXACT}\n"]


def _instances(settled: settle.Settled) -> str:
    """`, among them web@1..4` if there are several of one."""
    names = [server["name"] for server in settled.servers if server["instance_of"]]
    folded = [word for word in folded_names(names) if word not in names]
    return f", among them {' '.join(folded)}" if folded else ""


def metrics_file(settled: settle.Settled, state_dir: str) -> tuple[str, bool]:
    """Whether `metrics = FILE` is fresh, as a line for a person; and whether that is as it should be."""
    from seeing import metrics_file

    if not settled.suite["metrics"]:
        return "", True
    words, is_good = metrics_file.judgement(settled.suite["metrics"], settled.suite["interval"], state_dir)
    return f"metrics: {words}\n", is_good


def _knows_exit_of_reaped() -> bool:
    """Does PIDFD_GET_INFO know the exit status of a reaped process?  We try it with a child of our own."""
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    pidfd = os.pidfd_open(pid)
    os.waitpid(pid, 0)
    try:
        return cause.of_other(pid, 0, pidfd) == "exit 7"
    finally:
        os.close(pidfd)


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    root, conf_dir, state_option, cwd, word = argv
    if word == "test":
        print("\n".join(machine()))
    settled, faults = check(root, conf_dir, cwd)
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return NOT_CONFIGURED
    if settled is None:
        return NOT_CONFIGURED
    state_dir = state_directory(root, state_option, settled.suite["state_dir"])
    for line in warnings(settled, conf_dir, state_dir):
        print(line, file=sys.stderr)
    print(f"conf is good: {len(settled.servers)} servers{_instances(settled)}")
    print("".join(cgroups(settled)), end="")
    if word != "test":
        return 0
    words, is_good = metrics_file(settled, state_dir)
    print(words, end="", file=sys.stdout if is_good else sys.stderr)
    try:
        make_private(f"{state_dir}/alerts")
    except OSError as error:
        print(f"{error.filename}: {error.strerror}; {ELSEWHERE}", file=sys.stderr)
        return NO_PERMISSION
    print(f"alerts {state_dir}/alerts {' '.join(hooks_of(settled))}")
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
