"""What will fail when these servers start?  The warnings of `check`.

    conf/servers/x.conf:3: warning: x: no directory /srv/x; set dir in conf/servers/x.conf
    conf/servers/x.conf:5: warning: x: port 80 is held by pid 790 (nginx); end it, or set another port

A start answers most of these questions itself, and we ask its own code (watch/departure.py, proc/scan.py), in a child
that has become the server's user.  What does not run yet may be there tomorrow, so none of this is an error.
"""

from __future__ import annotations

import os
from functools import partial

from base import executable, places, programs
from base.exits import NOT_CONFIGURED, NOT_INSTALLED, Refused
from base.libraries import psutil_home
from base.places import NoAnswer
from config.life_settings import asked
from config.server_settings import AROUND
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

_CHILDREN = 16  # at once
_BETWEEN = "\0"


def warnings(servers: list[Server], state_dir: str) -> list[Warning]:
    """What will fail for these servers.  Takes PATIENCE_MS and more if a file system does not answer."""
    look = Look(servers, state_dir, is_brief=True)
    answers = ((server, *line.partition(" ")[::2]) for server, line in _asked_in_turn(_groups(servers)))
    found = [(server, key, text) for server, key, text in answers if text]
    taken = {int(place.rpartition(":")[2], 16) for place, _ in ports.listeners()}  # the table takes the kernel 5 ms
    return found + [
        (server, "port", text) for server in servers if server.port in taken and (text := _port(server, look))
    ]


# -- directory, program, user ----------------------------------------------------------------------


def _groups(servers: list[Server]) -> list[list[Server]]:
    """The servers of each user together; each of those alone that are on a file system that may not answer."""
    groups: dict[tuple[str, str, int], list[Server]] = {}
    for server in servers:
        settings = server.launch.settings
        alone = server.number if _may_be_silent(server) else 0
        groups.setdefault((settings.get("user", ""), settings.get("group", ""), alone), []).append(server)
    return list(groups.values())


def _may_be_silent(server: Server) -> bool:
    try:
        places.require_answer(server.directory)
        places.require_answer(server.program)
    except NoAnswer:
        return True
    return False


def _asked_in_turn(groups: list[list[Server]]) -> Iterator[tuple[Server, str]]:
    """Each server, and `KEY TEXT` or "".  Of a group that does not answer, we ask each alone."""
    for at in range(0, len(groups), _CHILDREN):
        batch = groups[at : at + _CHILDREN]
        for group, answers in zip(batch, _asked(batch)):
            if len(answers) == len(group):
                yield from zip(group, answers)
            elif len(group) == 1:
                yield group[0], _late(group[0])
            else:
                yield from _asked_in_turn([[server] for server in group])


def _late(server: Server) -> str:
    late = f"dir {server.directory}, or the program, does not answer within {PATIENCE_MS / 1000:g}s; see mount(8)"
    return f"dir {late}"


def _asked(groups: list[list[Server]]) -> list[list[str]]:
    """`KEY TEXT` or "" for each server of each group; [] for a group that does not answer.  A child for each group."""
    loop = Loop()
    answers: dict[int, list[str]] = {}

    def note(number: int, found: list[str]) -> None:
        answers[number] = found
        loop.ended = len(answers) == len(groups)

    for number, group in enumerate(groups):
        _ask(loop, group, partial(note, number))
    if not loop.ended:
        loop.run()
    return [answers[number] for number in range(len(groups))]


def _ask(loop: Loop, group: list[Server], told: Callable[[list[str]], None]) -> None:
    objection = _user(group[0])
    if objection:
        told([f"user {objection}"] * len(group))
        return
    Hand(
        loop,
        lambda: _BETWEEN.join(map(_launch, group)),
        lambda text: told(text.split(_BETWEEN)),
        lambda: told([]),
        group[0].ids,
    )


def _user(server: Server) -> str:
    if os.geteuid() == 0 or not server.ids or server.uid in (-1, os.geteuid()):
        return ""
    return f"only root may start it as {server.user}; run the monitor as root, or take user out"


def _launch(server: Server) -> str:
    """As its user: can it be started?  `KEY TEXT`, or ""."""
    try:
        with departure.open_directory(server, patient=True) as here:
            departure.enter(server, here)
            return _program(server, here) or _around(server)
    except (Refused, OSError) as error:
        return f"dir {error}"


def _around(server: Server) -> str:
    """As its user: are the programs of the commands around its life there?  `KEY TEXT` of the first that is not."""
    search = server.launch.environment.get("PATH", os.defpath)
    for key in AROUND:
        words = asked(server, key)
        if key == "reload":  # a signal, or `command` and a program
            words = words[1:]
        try:
            if words:
                programs.resolve(words[0], server.directory, search)
        except programs.LaunchError as failure:
            key = "stop" if key == "stop_command" else key
            return f"{key} {failure.reason}; set {key} in {server.conf_file}"
    return ""


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
    inodes = ports.listening(server.port)
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
