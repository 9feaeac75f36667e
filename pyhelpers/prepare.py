"""Prepare a monitor with a single program run: settle conf, find psutil, make the state directory and the FIFOs.

    $ python3 -E -s pyhelpers/prepare.py ROOT CONF_DIR STATE_DIR CWD PID COMMANDS NAME...
    psutil /usr/lib/python3/dist-packages
    conf /opt/monitor/conf
    state /opt/monitor/state
    run /opt/monitor/state/monitors/812
    boot 0a1b2c3d
    server 1 msg_server always 0 0 60000 0 0 sms death,give_up - auto

ROOT: the suite's directory; STATE_DIR: "" means the state_dir of conf, else ROOT/state; PID: the monitor's; COMMANDS:
the commands of monitor.sh, separated by blanks: the user may have mistyped one of them.
A server line: NUMBER NAME RESTART EXIT_CODES FIRST_MS LONGEST_MS GIVE_UP_COUNT GIVE_UP_SECONDS ALERT ALERT_ON NEEDS
START, lists with commas, - for none.  `place NUMBER DIR`: another server has the name of this one.
`lost PID BOOT WHEN`: a monitor was killed, and was seen last then.  The shell prints the TEXT of `say TEXT`.

Exit: 0 ready · 1 not ready · 2 an invalid NAME, or a mistyped command · 4 the state directory cannot be written ·
5 sysv_ipc is missing · 6 not configured · 69 this Python has no psutil, or is too old (EX_UNAVAILABLE of sysexits.h).
"""

from __future__ import annotations

import errno
import os
import resource
import sys
import time

from base.exits import INTERRUPTED, NO_PERMISSION, USAGE
from base.instance_names import split
from base.libraries import require_suitable
from base.tokens import nearest
from config import accounts, heartbeat_library, settle
from config.settled import place, policy
from config.values import is_server_name
from proc import controllers, identity
from spawn import cgroup_leaf
from state import access, history, lock, namesakes, presence, record, turned_history
from state.namesakes import KEPT_IN
from state.paths import ELSEWHERE, server_directory, state_directory
from watch import resident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)  # not EROFS: without a lock file there could be two monitors


def make_ready(state_dir: str, pid: str, settled: str, asked: str) -> tuple[str, list[str]]:
    """Make the monitor's own directory; return it, and lines for the shell.

    settled: the settled conf; asked: the cwd and the words of the command line; the directory gets both as files.
    A full disk must not keep servers down: then the directory is in memory or in /tmp.  Raises OSError.
    """
    remarks: list[str] = []
    try:
        mine = run_dir(state_dir, pid, remarks)
        _put(mine, settled, asked)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        mine = run_dir(_scratch(), pid, [])
        _put(mine, settled, asked)
        remarks.append(f"say {state_dir}: {error.strerror}; records and logs will be written when there is room again")
    return mine, remarks


def _scratch() -> str:
    """Make a directory in memory or in /tmp, and return its path."""
    import tempfile

    return tempfile.mkdtemp(prefix="monitor.", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def _remove(directory: str) -> None:
    """Remove a directory tree.  We import shutil only here, because the import takes 10 ms."""
    import shutil

    shutil.rmtree(directory, ignore_errors=True)


def _put(directory: str, settled: str, asked: str) -> None:
    texts = {"settled": settled, "asked": asked, "beginning": "", "called": _called(os.path.basename(directory))}
    texts.update(version=resident.version(), boot=_boot())
    for path, text in ((f"{directory}/{name}", text) for name, text in texts.items()):
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # the URL of deadman is a secret
            with open(fd, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as target:
                target.write(text)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None  # an error of write(2) has no filename


def _boot() -> str:
    return record.boot_id()[: history.BOOT_LETTERS]


def _called(pid: str) -> str:
    """How the monitor was executed: its program, its directory and its words, for again.py."""
    with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="surrogateescape", newline="\n") as words:
        cmdline = words.read()
    return f"{os.readlink(f'/proc/{pid}/exe')}\0{os.readlink(f'/proc/{pid}/cwd')}\0{cmdline}"


def run_dir(state_dir: str, pid: str, lost: list[str]) -> str:
    """Make STATE_DIR and the monitor's own directory with its three FIFOs; return that directory.  Raises OSError.

    lost: gets a line for the shell for each monitor that was killed and left its directory.
    """
    os.makedirs(state_dir, 0o700, exist_ok=True)
    require_own(state_dir)
    monitors = f"{state_dir}/monitors"
    os.makedirs(monitors, 0o700, exist_ok=True)
    for name in os.listdir(monitors):
        if name == pid or not (name.isdigit() and identity.look(int(name))):
            lost += _seen_last(f"{monitors}/{name}", name)
            _remove(f"{monitors}/{name}")
    mine = f"{monitors}/{pid}"
    os.mkdir(mine, 0o700)
    for name in ("mailbox", "events", "orders"):
        os.mkfifo(f"{mine}/{name}", 0o600)
    return mine


def _seen_last(directory: str, pid: str) -> list[str]:
    """A line about a monitor that was killed."""
    try:
        boot, seen = presence.seen_last(directory)
        return [f"lost {pid} {boot} {record.iso_time(seen)}"]
    except (OSError, ValueError):
        return []  # it never began


def locked(state_dir: str, servers: list[dict[str, Any]]) -> list[str]:
    """[`locked NAME: the monitor with pid PID watches it already`] for the first watched server; [] if none is."""
    for server in servers:
        holder = lock.watcher_of(server_directory(state_dir, server[KEPT_IN]))
        if holder and identity.look(int(holder)):
            return [f"locked {server['name']}: the monitor with pid {holder} watches it already"]
    return []


def remembered(state_dir: str, servers: list[dict[str, Any]]) -> list[str]:
    """A line for each server that an operator has stopped or paused: this monitor does not start it, and says why."""
    lines = []
    for server in servers:
        name, directory = server["name"], server_directory(state_dir, server[KEPT_IN])
        want = record.read_want(directory)
        if want == "up":
            continue
        since = _wanted_since(directory)
        if want == "down":
            lines.append(f"say {name}: an operator stopped it ({since}); start it with ./monitor.sh start {name}")
        else:
            lines.append(f"say {name}: an operator paused it ({since}); resume it with ./monitor.sh resume {name}")
    return lines


def _wanted_since(directory: str) -> str:
    """When the operator ordered that, as `2026-11-20 08:01` in local time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(os.stat(f"{directory}/want").st_mtime))


def require_own(state_dir: str) -> None:
    """Require that only we may put files into our state.  Raises OSError, settle.ConfError."""
    status = os.stat(state_dir)
    if status.st_uid != os.geteuid():
        raise OSError(errno.EPERM, f"belongs to uid {status.st_uid}, not to you", state_dir)
    if status.st_mode & 0o022:
        text = f"may be written by others (mode {status.st_mode & 0o777:o}); chmod 700 it"
        raise settle.ConfError([f"{state_dir}: {text}, or {ELSEWHERE}"], NO_PERMISSION)


def unfit_hooks(conf_dir: str, servers: list[dict[str, Any]]) -> list[str]:
    """Lines about hooks that cannot be called.  We print them at every start; they never prevent it."""
    from alerting import hook

    names = sorted({name for server in servers for name in server["alert"]})
    return [f"say {fault}" for fault in hook.unfit(conf_dir, names)]


def require_descriptors(servers: int) -> None:
    """Require two descriptors (lock and pidfd) for each server and 40 more.  Raises settle.ConfError (1)."""
    needed = 2 * servers + 40
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 <= allowed < needed:
        text = f"{needed} open files are needed for {servers} servers, {allowed} allowed; raise ulimit -Hn"
        raise settle.ConfError([text], 1)


def prepare(root: str, conf_dir: str, state_dir: str, cwd: str, pid: str, words: list[str]) -> list[str]:
    """Prepare the monitor; return the lines for the shell.  Raises settle.ConfError, OSError."""
    home = require_suitable()
    settled = settle.settle(conf_dir, root, cwd, words, watched=True)
    heartbeat_library.find(settled)
    accounts.find(settled)
    require_descriptors(len(settled.servers))
    _prepare_cgroups(settled, int(pid))
    state_dir = state_directory(root, state_dir, settled.suite["state_dir"])
    _claim(state_dir, settled)
    lowered = _fit(settled, state_dir) if os.environ.get("MONITOR_RUN") else []
    mine, remarks = make_ready(state_dir, pid, settled.text(), "".join(f"{word}\n" for word in [cwd, *words]))
    lines = [f"psutil {home}", f"conf {os.path.abspath(conf_dir)}", f"state {state_dir}", f"run {mine}"]
    lines.append(f"boot {_boot()}")
    lines += [f"{key} {settled.suite[key]}" for key in ("syslog", "recovery_quiet")]
    _turn_history(state_dir)
    _let_order(state_dir, mine, settled)
    for number, server in enumerate(settled.servers, 1):
        lines += [policy(number, server), *place(number, server)]
    lines += locked(state_dir, settled.servers) or remembered(state_dir, settled.servers)
    return lines + remarks + lowered + unfit_hooks(conf_dir, settled.servers)


def _fit(settled: settle.Settled, state_dir: str) -> list[str]:
    from state import small_disk

    return [f"say {remark}" for remark in small_disk.fit(settled, state_dir)]


def _turn_history(state_dir: str) -> None:
    try:
        turned_history.turn_if_due(state_dir)
    except OSError:
        pass  # a full disk; a monitor tries again next year, or when the file is large


def _claim(state_dir: str, settled: settle.Settled) -> None:
    """Settle where the state of each server is.  Raises settle.ConfError."""
    try:
        os.makedirs(state_dir, 0o700, exist_ok=True)
        require_own(state_dir)
        namesakes.find(settled, state_dir, claim=True)
    except OSError:
        namesakes.find(settled, state_dir)  # make_ready() reports it, or finds room elsewhere


def _prepare_cgroups(settled: settle.Settled, monitor: int) -> None:
    """Have the controllers that the servers need.  Raises settle.ConfError: a cap cannot be had."""
    if any(server["cgroup"] != "no" for server in settled.servers):
        asked = {controllers.CAPS[key] for server in settled.servers for key in controllers.CAPS if server[key]}
        cgroup_leaf.pass_on(asked, monitor)
    faults = controllers.objections(settled.servers, is_monitor=True)
    if faults:
        raise settle.ConfError(faults)


def _let_order(state_dir: str, mine: str, settled: settle.Settled) -> None:
    """Let the members of control_group give orders and read the state.  Raises settle.ConfError."""
    group = settled.suite["control_group"]
    if not mine.startswith(f"{state_dir}/"):
        return  # a full disk: the directory is elsewhere, and the group gets no access
    try:
        access.give(state_dir, [server[KEPT_IN] for server in settled.servers], mine, access.gid_of(group))
    except OSError as error:
        _remove(mine)
        text = f"{error.filename} cannot be given to group {group}: {error.strerror}; be in it, or root"
        raise settle.ConfError([f"control_group: {text}"]) from None


def mistyped(word: str, commands: list[str], conf_dir: str) -> str:
    """`no such command or server: statsu; did you mean status?`; "" if conf has word, or it resembles a server more."""
    try:
        files = os.listdir(f"{conf_dir}/servers")
    except OSError:
        return ""
    known = [file[: -len(".conf")] for file in files if file.endswith(".conf")]
    if not is_server_name(word) or word == "all" or {word, split(word)[0]} & set(known):
        return ""
    hint = nearest(word, [*known, *commands])
    return f"no such command or server: {word}{hint}" if hint and hint == nearest(word, commands) else ""


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    os.umask(0o077)
    try:
        print("\n".join(prepare(argv[0], argv[1], argv[2], argv[3], argv[4], argv[6:])))
    except settle.ConfError as error:
        remark = mistyped(argv[6], argv[5].split(), argv[1])
        if remark:
            print(remark, file=sys.stderr)
            return USAGE
        print("\n".join(error.lines), file=sys.stderr)
        return error.status
    except OSError as error:
        print(f"{error.filename}: {error.strerror}; {ELSEWHERE}", file=sys.stderr)
        return NO_PERMISSION
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
