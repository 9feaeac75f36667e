"""Which process is this server?  Claims, and their proof.

Strongest first: our own record; the pidfile; the log's name; and, in proc/scan.py, exe + cwd
in the process table.  A claim is only a number until the process that has this pid now
shows the server's identity.  A process that does not is an impostor: we report it and never signal it.
"""

from __future__ import annotations

import os

from base import globs, places
from base.places import NoAnswer
from proc import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from base.ids import Ids
    from proc.server import Server

LONGEST_PID_LINE = 32
LONGEST_PID = 10  # digits
DIGITS = frozenset("0123456789")


class Rubbish(Exception):
    """The file cannot be a pidfile; the text says what is wrong with it."""


def recorded(record: dict[str, str], boot: str) -> identity.Process | None:
    """The process that our record names, if boot, pid and start ticks are still the same; else None."""
    if not record.get("pid") or record["boot"] != boot:
        return None
    process = identity.look(int(record["pid"]))
    return process if process and process.ticks == int(record["ticks"]) else None


def named(
    server: Server, others: Collection[str], logs_too: bool = True
) -> tuple[identity.Process | None, str, list[str]]:
    """The living process that a pidfile or log names, its source, and remarks for a person.

    others: the directories of all servers, so that we do not take a process of theirs for this server.
    We note a source that may not answer in server.unheard; of such a source we use what a hand has brought.
    """
    remarks: list[str] = []
    for number, source in enumerate(server.sources):
        if source[0] == "own" or (source[0] == "log" and not logs_too):
            continue
        try:
            claims = _claims(server, source, remarks, patient=False)
        except NoAnswer:
            server.unheard = tuple({*server.unheard, number})
            claims = (server.brought or {}).get(number, [])
        for pid in claims:
            process = identity.look(pid)
            objection = objection_to(process, server, others) if process else ""
            if process and not objection:
                return process, source[0], remarks
            if process and source[0] == "pidfile":
                remarks.append(f"{source[1]} names pid {pid}, which {objection}; ignored")
    return None, "", remarks


def bring(server: Server, numbers: Collection[int]) -> str:
    """Read these sources, in a hand, however long that takes; return a line `NUMBER PID...` for each."""
    lines = ""
    for number in numbers:
        claims = _claims(server, server.sources[number], [], patient=True)
        lines += " ".join(map(str, [number, *claims])) + "\n"
    return lines


def path_of(server: Server, number: int) -> str:
    """The path at which we look for that source."""
    source = server.sources[number]
    return source[1] if source[0] == "pidfile" else server.directory


def _claims(server: Server, source: list[str], remarks: list[str], patient: bool) -> list[int]:
    if source[0] == "log":
        try:
            return log_pids(server.directory, source[1], int(source[2]), server.ids, patient)
        except globs.TooMany as many:
            remarks.append(f"{server.directory} holds {many}; its logs are not looked at")
            return []
    try:
        return [pidfile_pid(source[1], server.ids, patient)]
    except FileNotFoundError:
        return []
    except (Rubbish, OSError) as error:
        remarks.append(f"pidfile {source[1]}: {getattr(error, 'strerror', None) or error}; ignored")
        return []


def pidfile_pid(path: str, ids: Ids | None = None, patient: bool = False) -> int:
    """The number in a pidfile's first line.  Raises Rubbish, NoAnswer, OSError (FileNotFoundError: there is none).

    We follow no link, a FIFO cannot block us, and only a decimal number 2..pid_max counts.
    """
    place, name = places.beside(path, ids, patient)
    with place:
        fd = place.regular(name)
        try:
            line = os.read(fd, LONGEST_PID_LINE + 1).split(b"\n", 1)[0]
        finally:
            os.close(fd)
    return _checked(line)


def _checked(line: bytes) -> int:
    if not line:
        raise Rubbish("empty")
    text = line.decode("latin-1")
    if len(line) > LONGEST_PID_LINE or not DIGITS.issuperset(text):
        raise Rubbish("its first line is not a number")
    if not 2 <= int(text) <= pid_max():
        raise Rubbish(f"{int(text)} cannot be a pid of a server")
    return int(text)


def pid_max() -> int:
    """The greatest pid that the kernel assigns (proc(5))."""
    with open("/proc/sys/kernel/pid_max") as source:
        return int(source.read())


def log_pids(directory: str, pattern: str, field: int, ids: Ids | None = None, patient: bool = False) -> list[int]:
    """The pids in this field of the names of logs (from 1, between "_"): field 2 of log_812_1.txt is 812.

    Several pids are possible: a second copy that could not bind leaves a log too.  Raises NoAnswer, globs.TooMany.
    """
    try:
        with places.opened(directory, ids, patient) as here:
            listing = here.listable()
            try:
                found = globs.names(listing, [pattern], 0 if patient else globs.MOST_NAMES)
            finally:
                os.close(listing)
    except OSError:
        return []
    fields = [name.split("_") for name in found]
    return [pid for words in fields if len(words) >= field and (pid := _pid_of(words[field - 1])) > 1]


def _pid_of(word: str) -> int:
    """0 if the word is no pid: a stranger may choose any file name, and int() accepts more than these digits."""
    return int(word) if 0 < len(word) <= LONGEST_PID and DIGITS.issuperset(word) else 0


def objection_to(process: identity.Process, server: Server, others: Collection[str]) -> str:
    """Why this process is not the server; "" if it is."""
    name = os.path.basename(process.exe) or "a process that may not be examined"
    if process.cwd != server.directory and not _may_be_elsewhere(process, server, others):
        return f"({name}) runs in {process.cwd or 'a directory that may not be examined'}"
    if not _shows(process, server):
        return f"is {name}, not {' '.join(server.match)}"
    return _wrong_user(process, server)


def _may_be_elsewhere(process: identity.Process, server: Server, others: Collection[str]) -> bool:
    """May the server run outside its directory?  A daemon that changed to / may, and so may the very program file.

    Two instances may differ in their directory alone: ./msg_server in two directories; every java.
    """
    if process.cwd in others or process.cwd in server.elsewhere or _has_program_of_another(process, server, others):
        return False
    is_program = process.exe == places.real(server.program) and not identity.interpreter(process.exe)
    return process.cwd == "/" or is_program


def _has_program_of_another(process: identity.Process, server: Server, others: Collection[str]) -> bool:
    """Did it go to the root directory, and does it run a program that lies in the directory of another server?"""
    home = process.exe.rpartition("/")[0]
    return process.cwd == "/" and home != server.directory and (home in others or home in server.elsewhere)


def _shows(process: identity.Process, server: Server) -> bool:
    if not identity.shows(process, server.match, server.program):
        return False
    if not server.words_are_default():
        return True
    # A default word proves little about an interpreter: `sh deploy.sh msg_server` names the server too,
    # and every python3 shows the program of `python3 proc/server.py`.
    if not identity.interpreter(process.exe):
        return True
    if process.exe == places.real(server.program):
        return process.argv() == server.argv
    return script_of(process) == server.match[0]


def script_of(process: identity.Process) -> str:
    """Base name of the script that an interpreter runs: its first argument that is no option; "" if none."""
    for word in process.argv()[1:]:
        if not word.startswith("-"):
            return os.path.basename(word)
    return ""


def _wrong_user(process: identity.Process, server: Server) -> str:
    """Why its user is wrong; "" if the user is right.

    Without `user` the server runs as our user.  A server of root may have become another user since, if there is proof
    that root started it.
    """
    uid = identity.real_uid(process.pid)
    if server.uid >= 0:
        return "" if uid == server.uid else f"runs as uid {uid}, not as {server.user}"
    ours = os.geteuid()
    if uid == ours or (ours == 0 and uid >= 0 and _was_roots(process, server, uid)):
        return ""
    return f"runs as uid {uid}; set user if that is right"


def _was_roots(process: identity.Process, server: Server, uid: int) -> bool:
    """Did root start this process, which is uid by now?  Name and directory prove nothing: any user can copy them."""
    if (process.pid, process.ticks) == (server.pid, server.ticks) or uid == server.owner:
        return True
    if process.exe != places.real(server.program) or not identity.shares_our_files(process.pid):
        return False
    if server.invocation and identity.invocation(process.pid) == server.invocation:
        return True
    return not _may_be_worker(process) and _is_roots_alone(process.exe)


def _may_be_worker(process: identity.Process) -> bool:
    """May it be a worker: a child of a process with the same program, as root's nginx master makes them?

    A server leads its session, or at least its process group, or its parent still lives in its session.
    """
    parent = identity.look(process.ppid)
    if parent and parent.exe == process.exe:
        return True
    is_leader = process.pid in (process.sid, process.group)
    return not is_leader and not (parent and parent.sid == process.sid)


def _is_roots_alone(program: str) -> bool:
    """May only root write this file and replace it?"""
    try:
        places.require_answer(program)
        found = [os.stat(path) for path in (program, os.path.dirname(program))]
    except (places.NoAnswer, OSError):
        return False
    return all(each.st_uid == 0 and not each.st_mode & 0o022 for each in found)
