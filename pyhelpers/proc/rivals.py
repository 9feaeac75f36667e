"""Does another process restart this server by itself?

    >>> rival_of(dead, stop_tree=True)
    Rival(pid=812, name="procctl.py")

The rival of a monitor is the parent of the server: procctl, mysqld_safe, another Supervisor, a loop in a shell
script, a guard of the same program (sylar), systemd.  If it is about to start the server again, our start would be a
second copy.  Nobody can ask a parent what it will do.  So a living parent counts as a rival unless something speaks
against it:

* it is we, or our own monitor: then we started the server;
* it belongs to the server's tree and `stop_tree` is yes: we end it together with the tree, before our start;
* it is an interactive shell: a shell without a script, on a terminal.  Someone has started the server by hand;
* it only starts programs, and never again: see STARTERS;
* it is init, or a user's systemd, and the server is in no unit: then it has only inherited an orphan.  If the server is
  in a unit, the unit is the rival, unless we run in the same one.

A parent that was seen to restart the server is a rival whatever speaks against it: watch/rivalry.py remembers that.

A guard of the same program looks like the server in all but this: it does not hold the port, its only child does, and
it waits for nothing but that child, so it has neither sockets nor an epoll.  ward() then finds the child, which is
the server.  (The master of haproxy does not hold the port either, but has both.)

Source: proc(5), cgroups(7), credentials(7); systemd names a unit's cgroup after the unit.
"""

from __future__ import annotations

import os

from proc import identity, ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from proc.identity import Process

    class Dead(Protocol):
        """The last process of a server: see loop/leftovers.py."""

        parent: tuple[int, int]
        unit: str

        def left(self, process: Process) -> bool: ...  # noqa: D102


SHELLS = "sh dash bash ash busybox mksh ksh yash zsh fish csh tcsh".split()
STARTERS = (
    "cron crond atd anacron sshd sshd-session login su sudo doas runuser script expect tmux screen containerd-shim "
    "containerd-shim-runc-v2 conmon docker-init tini dumb-init catatonit gdb strace"
).split()
TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")
WITH_VALUE = "--rcfile --init-file -o -O -W -X".split()  # options of shells and Python whose value is the next word
TTY = 4  # place of tty_nr in identity.stat_fields()
MULTIPLEXERS = ("socket:", "anon_inode:[eventpoll]")


class Rival:
    """A living process that may restart the server by itself.  unit: that of systemd, or ""."""

    __slots__ = ("name", "pid", "ticks", "unit")

    def __init__(self, process: Process, unit: str) -> None:
        self.pid, self.ticks, self.unit = process.pid, process.ticks, unit
        self.name = unit or name_of(process)

    def lives(self) -> bool:
        """Is it still there?"""
        process = identity.look(self.pid)
        return process is not None and process.ticks == self.ticks


def parent_of(process: Process) -> tuple[tuple[int, int], str]:
    """Pid and start ticks of its parent, and its unit if init is the parent; ((0, 0), "") if the parent is we."""
    if process.ppid in (0, os.getpid()):
        return (0, 0), ""
    parent = identity.look(process.ppid)
    if not parent:
        return (0, 0), ""
    return (parent.pid, parent.ticks), unit_of(process.pid) if _is_init(parent) else ""


def parent_alive(dead: Dead, stop_tree: bool) -> Rival | None:
    """The parent of the dead process, if it lives and could start the server again; see the top of this file."""
    pid, ticks = dead.parent
    parent = identity.look(pid) if pid else None
    if not parent or parent.ticks != ticks or pid in (os.getpid(), os.getppid()):
        return None
    if _is_init(parent):
        return Rival(parent, dead.unit) if dead.unit and dead.unit != unit_of(os.getpid()) else None
    return None if stop_tree and dead.left(parent) else Rival(parent, "")


def merely_starts(rival: Rival) -> bool:
    """Is this parent one that starts programs and does not restart them?"""
    parent = identity.look(rival.pid)
    return not rival.unit and (parent is None or rival.name in STARTERS or _is_interactive(parent))


def name_of(process: Process) -> str:
    """What people call it: the name of its program, or of the script that it runs."""
    program = os.path.basename(process.exe) or "a process that may not be examined"
    return os.path.basename(_script_of(process)) or program


def _script_of(process: Process) -> str:
    """The script that an interpreter runs, as its command line names it; "" if there is none."""
    words = process.argv()[1:] if identity.interpreter(process.exe) else []
    while words and words[0].startswith("-"):
        if words[0][:2] != "--" and "c" in words[0]:
            return ""  # -c: the next word is the script itself
        words = words[2 if words[0] in WITH_VALUE else 1 :]
    return words[0] if words else ""


def _is_init(process: Process) -> bool:
    return process.pid == 1 or os.path.basename(process.exe) == "systemd"


def unit_of(pid: int) -> str:
    """The .service that a process is in, "" if none: the last such name in the path of its cgroup."""
    for line in identity.text_of(f"/proc/{pid}/cgroup").split("\n"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" or controllers == "name=systemd":
            units = [name for name in path.split("/") if name.endswith(".service") and not name.startswith("user@")]
            if units:
                return units[-1]
    return ""


def _is_interactive(process: Process) -> bool:
    """Is it a shell without a script or a command, whose input is a terminal?"""
    fields = identity.stat_fields(process.pid)
    if os.path.basename(process.exe) not in SHELLS or not fields or fields[TTY] == "0" or _script_of(process):
        return False
    has_command = any(word[:2] != "--" and word.startswith("-") and "c" in word for word in process.argv()[1:])
    return not has_command and _target(f"/proc/{process.pid}/fd/0").startswith(TERMINALS)


def ward(head: Process, candidates: Sequence[Process], port: int, named: int = 0) -> Process | None:
    """The server, if head is its guard, of the same program; else None.

    candidates: all that look like the server; named: the pid that the server's pidfile names.
    """
    children = [each for each in candidates if each.ppid == head.pid and each.ticks >= head.ticks]
    if len(children) != 1 or _waits_for_more(head.pid):
        return None
    child = children[0]
    inodes = ports.listening(port) if port else []
    is_server = child.pid == named or (ports.holds(child.pid, inodes) and not ports.holds(head.pid, inodes))
    return child if is_server else None


def _waits_for_more(pid: int) -> bool:
    """Has it a socket or an epoll, above its standard input and output?  Also True if we may not look."""
    directory = f"/proc/{pid}/fd"
    try:
        numbers = [name for name in os.listdir(directory) if int(name) > 2]
    except OSError:
        return True
    return any(_target(f"{directory}/{name}").startswith(MULTIPLEXERS) for name in numbers)


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
