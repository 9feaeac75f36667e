"""The loggers of `output = |PROGRAM ARG...`: a program of the user's choice reads what a server prints, from a FIFO.

The server has the FIFO open to write, the logger to read, and we both.  So the logger may die, or the server, or we,
and what is in the pipe waits for the next reader.  Whoever comes after us opens the same FIFO by its name,
STATE_DIR/output/NAME.pipe, while one of them lives.  The server's own descriptor could read too: so it gets no SIGPIPE
even while neither the logger nor we live.  A logger whose server and helper have gone sees the end of the file, when
it has read all.  Source: fifo(7), pipe(7).

A second reader would tear lines, so a logger notes itself in servers/NAME/logger before it is executed, and the next
helper follows that process: pid, start ticks, boot and command.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time

from base import files
from base.programs import LaunchError
from config.launch_settings import Launch
from loop.terminate import Ending
from proc import cause, identity
from spawn import launch
from state.paths import make_private, output_directory, server_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Supervisor
    from proc.server import Server

SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of linux/fcntl.h
ROOM = 1 << 20  # bytes in the pipe: the most that an ordinary user may have, pipe(7)
STEPS = ("TERM", "5000", "KILL")
FIRST_MS, LONGEST_MS = 100, 60_000
WELL_SECONDS = 1.0  # a logger that has lived so long is followed by the next one at once
RIGHTS = ("user", "group")  # that it has in common with its server
SEPARATOR = "\x1f"


def descriptor(host: Supervisor, server: Server) -> int:
    """The writing end of the pipe to the server's logger, which runs from now on; -1: there is none.

    Then the reason is reported, and /dev/null must do.
    """
    known: dict[int, Logger] = host.shared.setdefault("loggers", {})  # type: ignore[assignment]
    if server.number not in known:
        try:
            known[server.number] = Logger(host, server)
        except OSError as error:
            host.say(server, f"its output goes to /dev/null: {output_directory(host.state_dir)}: {error.strerror}")
            return -1
    return known[server.number].writing


class Logger:
    """The logger of one server.  writing: the end of the pipe for the server.  Raises OSError."""

    def __init__(self, host: Supervisor, server: Server) -> None:
        self._host = host
        self._server = server
        self._reading, self.writing = _pipe(output_directory(host.state_dir), server)
        self._pid = 0
        self._pidfd = self._told = -1
        self._wait_ms = 0.0
        self._began = 0.0
        self._take_over(_recorded(self._note()))

    def _note(self) -> str:
        return f"{server_directory(self._host.state_dir, self._server.kept_in)}/logger"

    def _take_over(self, known: list[str]) -> None:
        """Follow the logger that an earlier helper started, if it lives; one of another command first has to end."""
        pid, ticks, boot, command = known
        if boot != self._host.boot or not pid or identity.ticks_of(int(pid)) != int(ticks):
            self._start()
        elif command != _line(self._server.logger):
            Ending(self._host.loop, [(int(pid), int(ticks))], STEPS, lambda stuck: self._start())
        else:
            self._host.loop.errands.add(int(pid))
            self._follow(int(pid))

    def _start(self) -> None:
        self._began = time.monotonic()
        try:
            self._told, tell = os.pipe()
            pid = os.fork()
        except OSError:
            self._start_later()
            return
        if pid == 0:
            _become(self._server, self._reading, self._note(), self._host.boot, tell)
        os.close(tell)
        self._host.loop.errands.add(pid)
        self._follow(pid)

    def _start_later(self) -> None:
        self._wait_ms = min(max(FIRST_MS, self._wait_ms * 2), LONGEST_MS)
        self._host.loop.after(self._wait_ms, self._start)

    def _follow(self, pid: int) -> None:
        self._pid = pid
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError:
            self._host.loop.errands.discard(pid)
            self._start_later()
            return
        self._host.loop.on_readable(self._pidfd, self._ended)

    def _ended(self) -> None:
        self._host.loop.forget(self._pidfd)
        how = cause.of_child(self._pid) or cause.UNKNOWN
        self._host.loop.errands.discard(self._pid)
        self._host.say(self._server, f"its logger is started again: {self._reason() or how}")
        if time.monotonic() - self._began > WELL_SECONDS:
            self._wait_ms = 0.0
            self._start()
        else:
            self._start_later()

    def _reason(self) -> str:
        """Why it was not executed; "" if it was.  It has ended, so this does not block."""
        if self._told < 0:
            return ""
        told, self._told = self._told, -1
        try:
            return os.read(told, 1 << 12).decode("utf-8", "replace").partition(" ")[2]
        finally:
            os.close(told)


def _pipe(directory: str, server: Server) -> tuple[int, int]:
    """Both ends of the FIFO of this server.  Raises OSError."""
    make_private(directory)
    path = f"{directory}/{server.kept_in}.pipe"
    try:
        os.mkfifo(path, files.PRIVATE)
    except FileExistsError:
        pass
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISFIFO(os.fstat(reading).st_mode):
        os.close(reading)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    if server.ids and server.ids.uid >= 0 and os.geteuid() == 0:
        os.fchown(reading, server.ids.uid, server.ids.gid)
    writing = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.fcntl(writing, SET_PIPE_SIZE, ROOM)
    except OSError:
        pass  # this user has many pipes already: 64 KiB must do
    os.set_blocking(reading, True)
    os.set_blocking(writing, True)
    return reading, writing


def _line(command: list[str]) -> str:
    return SEPARATOR.join(command).replace("\n", " ")


def _recorded(note: str) -> list[str]:
    """Pid, start ticks, boot and command of the last logger; empty texts if there was none."""
    try:
        with open(note, encoding="utf-8", errors="surrogateescape", newline="\n") as source:
            found = source.read().split("\n")
    except OSError:
        found = []
    is_whole = len(found) == 5 and found[0].isdecimal() and found[1].isdecimal()
    return found[:4] if is_whole else ["", "", "", ""]


def _become(server: Server, reading: int, note: str, boot: str, tell: int) -> None:
    """Become the logger, with the rights of the server's user; never returns."""
    what = Launch(server.logger, server.directory)
    what.input_fd = reading
    what.ids = server.ids
    what.umask = server.launch.umask
    what.settings = {key: value for key, value in server.launch.settings.items() if key in RIGHTS}
    what.environment = dict(server.launch.environment)
    what.mark()  # or it would be taken for what the last server started
    program = ""
    try:
        os.setsid()
        ticks = identity.ticks_of(os.getpid())
        files.replace(note, f"{os.getpid()}\n{ticks}\n{boot}\n{_line(server.logger)}\n")
        program = what.program()
        launch.become(what, program, tell)
    except LaunchError as failure:
        os.write(tell, f"{failure.status} {failure.reason}".encode("utf-8", "surrogateescape"))
    except OSError as error:
        os.write(tell, f"126 {note}: {error.strerror}".encode("utf-8", "surrogateescape"))
    finally:
        os._exit(127)
