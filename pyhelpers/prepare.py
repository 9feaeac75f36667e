"""Make a monitor ready, in one go: settle conf, find psutil, make the state directory and the FIFOs.

    $ python3 -E -s pyhelpers/prepare.py ROOT CONF_DIR STATE_DIR CWD PID COMMANDS NAME...
    psutil /usr/lib/python3/dist-packages
    conf /opt/monitor/conf
    state /opt/monitor/state
    run /opt/monitor/state/monitors/812
    key 0123456789abcdef0123456789abcdef.
    server 1 msg_server always 0 1000 0 60000 0 0 sms death,give_up - -

ROOT: the suite's directory; STATE_DIR: "" for what conf says, else ROOT/state; PID: the monitor's; COMMANDS: the words
of monitor.sh, with blanks between, one of which the user may have mistyped.
A server line: NUMBER NAME RESTART EXIT_CODES START_MS FIRST_MS LONGEST_MS GIVE_UP_COUNT
GIVE_UP_SECONDS ALERT ALERT_ON NEEDS PORT, lists with commas, - for none.  `say TEXT` is for the user.

Exit: 0 ready · 1 no · 2 a NAME breaks the rule, or is a mistyped command · 4 the state directory cannot be written ·
5 sysv_ipc is missing · 6 not configured · 69 this Python has no psutil, or is too old (EX_UNAVAILABLE of sysexits.h).
"""

from __future__ import annotations

import errno
import os
import resource
import sys

from base.exits import INTERRUPTED, NO_PERMISSION, USAGE
from base.libraries import require_suitable
from base.tokens import nearest
from config import accounts, heartbeat_library, settle
from config.settled import policy
from config.values import is_server_name, split_instance
from proc import identity
from state import access, lock
from state.paths import ELSEWHERE, state_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)  # not EROFS: without a lock file there could be two monitors


def make_ready(state_dir: str, pid: str, settled: str, asked: str) -> tuple[str, list[str]]:
    """The monitor's own directory, with the settled conf and what was asked for; and what must be said.

    Raises OSError.

    A full disk must not keep servers down: then the directory is in memory, or in /tmp.
    """
    remarks = []
    try:
        mine = run_dir(state_dir, pid)
        _put(mine, settled, asked)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        mine = run_dir(_scratch(), pid)
        _put(mine, settled, asked)
        remarks.append(f"say {state_dir}: {error.strerror}; records and logs will be written when there is room again")
    return mine, remarks


def _scratch() -> str:
    """A directory in memory, or in /tmp."""
    import tempfile

    return tempfile.mkdtemp(prefix="monitor.", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def _remove(directory: str) -> None:
    """All of it.  shutil is imported here only: with what it brings it costs every status 10 ms."""
    import shutil

    shutil.rmtree(directory, ignore_errors=True)


def _put(directory: str, settled: str, asked: str) -> None:
    key = f"{os.urandom(16).hex()}."
    for path, text in ((f"{directory}/settled", settled), (f"{directory}/asked", asked), (f"{directory}/key", key)):
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # the URL of deadman is a secret
            with open(fd, "w", encoding="utf-8", errors="surrogateescape") as target:
                target.write(text)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None  # write(2) names no file


def run_dir(state_dir: str, pid: str) -> str:
    """Make STATE_DIR and the monitor's own part of it, with its two FIFOs.  Raises OSError."""
    os.makedirs(state_dir, 0o700, exist_ok=True)
    require_own(state_dir)
    monitors = f"{state_dir}/monitors"
    os.makedirs(monitors, 0o700, exist_ok=True)
    for name in os.listdir(monitors):
        if name == pid or not (name.isdigit() and identity.look(int(name))):
            _remove(f"{monitors}/{name}")  # of one that was killed
    mine = f"{monitors}/{pid}"
    os.mkdir(mine, 0o700)
    os.mkfifo(f"{mine}/mailbox", 0o600)
    os.mkfifo(f"{mine}/orders", 0o600)
    return mine


def locked(state_dir: str, servers: list[dict[str, Any]]) -> list[str]:
    """`locked NAME: the monitor with pid PID watches it already`, for the first that a living one watches."""
    for server in servers:
        holder = lock.holder_of(f"{state_dir}/servers/{server['name']}/lock")
        if holder and identity.look(int(holder)):
            return [f"locked {server['name']}: the monitor with pid {holder} watches it already"]
    return []


def require_own(state_dir: str) -> None:
    """Nobody else may put a link or a record into our state.  Raises OSError, conf.ConfError."""
    status = os.stat(state_dir)
    if status.st_uid != os.geteuid():
        raise OSError(errno.EPERM, f"belongs to uid {status.st_uid}, not to you", state_dir)
    if status.st_mode & 0o022:
        text = f"may be written by others (mode {status.st_mode & 0o777:o}); chmod 700 it"
        raise settle.ConfError([f"{state_dir}: {text}, or {ELSEWHERE}"], NO_PERMISSION)


def unfit_hooks(conf_dir: str, servers: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the hooks that conf names: said at every start, never a reason not to start."""
    from alerting import hook

    names = sorted({name for server in servers for name in server["alert"]})
    return [f"say {fault}" for fault in hook.unfit(conf_dir, names)]


def require_descriptors(servers: int) -> None:
    """A lock and a pidfd for each, and some to work with.  Raises conf.ConfError (1): it would fail midway."""
    needed = 2 * servers + 40
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 <= allowed < needed:
        text = f"{needed} open files are needed for {servers} servers, {allowed} allowed; raise ulimit -Hn"
        raise settle.ConfError([text], 1)


def prepare(root: str, conf_dir: str, state_dir: str, cwd: str, pid: str, words: list[str]) -> list[str]:
    """All of it; the lines for the shell.  Raises conf.ConfError, OSError."""
    home = require_suitable()
    settled = settle.settle(conf_dir, root, cwd, words, watched=True)
    heartbeat_library.find(conf_dir, settled)
    accounts.find(settled)
    require_descriptors(len(settled.servers))
    state_dir = state_directory(root, state_dir, settled.suite["state_dir"])
    mine, remarks = make_ready(state_dir, pid, settled.text(), "".join(f"{word}\n" for word in [cwd, *words]))
    lines = [f"psutil {home}", f"conf {os.path.abspath(conf_dir)}", f"state {state_dir}", f"run {mine}"]
    lines += [f"syslog {settled.suite['syslog']}", f"recovery_quiet {settled.suite['recovery_quiet']}"]
    with open(f"{mine}/key", encoding="ascii") as key:
        lines.append(f"key {key.read()}")
    _let_order(state_dir, mine, settled)
    lines += [policy(number, server) for number, server in enumerate(settled.servers, 1)]
    lines += locked(state_dir, settled.servers)
    return lines + remarks + unfit_hooks(conf_dir, settled.servers)


def _let_order(state_dir: str, mine: str, settled: settle.Settled) -> None:
    """Let the members of control_group order and look.  Raises conf.ConfError."""
    group = settled.suite["control_group"]
    if not mine.startswith(f"{state_dir}/"):
        return  # a full disk: they have to wait
    try:
        access.give(state_dir, [server["name"] for server in settled.servers], mine, access.gid_of(group))
    except OSError as error:
        _remove(mine)
        text = f"{error.filename} cannot be given to group {group}: {error.strerror}; be in it, or root"
        raise settle.ConfError([f"control_group: {text}"]) from None


def mistyped(word: str, commands: list[str], conf_dir: str) -> str:
    """`no such command or server: statsu; did you mean status?`; "" where conf has it, or it is more like a server."""
    try:
        files = os.listdir(f"{conf_dir}/servers")
    except OSError:
        return ""
    known = [file[: -len(".conf")] for file in files if file.endswith(".conf")]
    if not is_server_name(word) or word == "all" or {word, split_instance(word)[0]} & set(known):
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
