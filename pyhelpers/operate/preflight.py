"""What will fail when these servers start?  The warnings of `check`.

    conf/servers/x.conf:3: warning: x: no directory /srv/x; set dir in conf/servers/x.conf
    conf/servers/x.conf:5: warning: x: port 80 is held by pid 790 (nginx); end it, or set another port

A start answers most of these questions itself, and we ask its own code (watch/departure.py, proc/scan.py), in a child
that has become the server's user.  What does not run yet may be there tomorrow, so none of this is an error.
"""

from __future__ import annotations

import os

from base import executable, programs
from base.exits import NOT_CONFIGURED, NOT_INSTALLED, Refused
from base.libraries import psutil_home
from loop.hand import PATIENCE_MS, Hand
from loop.loop import Loop
from operate.look import Look
from proc import drift, evidence, identity, ports, scan
from state.lock import watcher_of
from state.paths import server_directory
from watch import departure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from base.places import Place
    from proc.server import Server

    # the server, the key that a remedy changes, and the words
    Warning = tuple[Server, str, str]

_CHILDREN = 16  # at once: one that hangs delays only the others of its batch


def warnings(servers: list[Server], state_dir: str) -> list[Warning]:
    """What will fail for these servers, in their order.  Takes PATIENCE_MS a batch if a file system does not answer."""
    look = Look(servers, state_dir, with_usage=False)
    found = list(_of_launch(servers))
    return found + [(server, "port", text) for server in servers if (text := _port(server, look))]


# -- directory, program, user ----------------------------------------------------------------------


def _of_launch(servers: list[Server]) -> Iterator[Warning]:
    for at in range(0, len(servers), _CHILDREN):
        batch = servers[at : at + _CHILDREN]
        for server, line in zip(batch, _asked(batch)):
            key, _, text = line.partition(" ")
            if text:
                yield server, key, text


def _asked(batch: list[Server]) -> list[str]:
    """`KEY TEXT` for each server, or ""; asked in a child for each, all at once."""
    loop = Loop()
    answers: dict[int, str] = {}

    def note(number: int) -> Callable[[str], None]:
        def told(text: str) -> None:
            answers[number] = text
            loop.ended = len(answers) == len(batch)

        return told

    for number, server in enumerate(batch):
        _ask(loop, server, note(number))
    if not loop.ended:
        loop.run()
    return [answers[number] for number in range(len(batch))]


def _ask(loop: Loop, server: Server, told: Callable[[str], None]) -> None:
    late = f"dir {server.directory}, or the program, does not answer within {PATIENCE_MS / 1000:g}s; see mount(8)"
    objection = _user(server)
    if objection:
        told(f"user {objection}")
    else:
        Hand(loop, lambda: _launch(server), told, lambda: told(f"dir {late}"), server.ids)


def _user(server: Server) -> str:
    if os.geteuid() == 0 or not server.ids or server.uid in (-1, os.geteuid()):
        return ""
    return f"only root may start it as {server.user}; run the monitor as root, or take user out"


def _launch(server: Server) -> str:
    """As its user: can it be started?  `KEY TEXT`, or ""."""
    try:
        with departure.open_directory(server, patient=True) as here:
            departure.enter(server, here)
            return _program(server, here)
    except (Refused, OSError) as error:
        return f"dir {error}"


def _program(server: Server, here: Place) -> str:
    try:
        program = departure.fit_to_start(server, here)
    except Refused as refused:
        key = {NOT_CONFIGURED: "needs_file", NOT_INSTALLED: "command"}.get(refused.status, "dir")
        return f"{key} {refused}"
    words = executable.unfit(program) or _interpreter(server, program)
    if words:
        return f"command {program}: {words}"
    if server.logs and not os.access(".", os.R_OK, effective_ids=True):
        words = f"uid {os.geteuid()} may not list dir {server.directory}; let it, or its logs are not moved into oldlog"
        return f"dir {words}"
    return ""


def _interpreter(server: Server, program: str) -> str:
    name = executable.interpreter_in_path(program)
    try:
        if name:
            programs.resolve(name, server.directory, server.launch.environment.get("PATH", os.defpath))
    except programs.LaunchError as error:
        return f"its interpreter {error.reason}"
    return ""


# -- port ------------------------------------------------------------------------------------------


def _port(server: Server, look: Look) -> str:
    """Who else has its port?  The server itself, its monitor, and what a start would end or adopt, do not count."""
    inodes = ports.listening(server.port) if server.port else []
    if not inodes or _is_own(server, look, inodes):
        return ""
    found = scan.holder(server.port, psutil_home())
    process = identity.look(int(found.partition(" ")[0])) if found else None
    if process and _is_harmless(server, look, process):
        return ""
    return scan.held(server.port, found) if ports.listening(server.port) else ""


def _is_own(server: Server, look: Look, inodes: list[int]) -> bool:
    living = look.living[server.kept_in]
    if not living:
        return False
    pid = living[0].pid
    return drift.listens(pid, inodes) or not os.access(f"/proc/{pid}/fd", os.R_OK)


def _is_harmless(server: Server, look: Look, process: identity.Process) -> bool:
    """Does its monitor hold the port for it, or would a start end or adopt the process?"""
    monitor = watcher_of(server_directory(look.state_dir, server.kept_in))
    dead = look.dead_of(server)
    if (monitor and str(process.ppid) == monitor) or (dead and dead.left(process)):
        return True
    return not evidence.objection_to(process, server, look.directories)
