"""Prepare a server and execute it: at once if every path that this touches answers, else in a child.

The watcher itself acts only if the result is certain when it returns: only root may change the paths that it touches,
and none of them is on a file system that may not answer.  In all other cases, and for what posix_spawn cannot set, a
child prepares itself and becomes the server.  Until the exec it reports to the watcher through a pipe, in lines:

    far PATH                the path that it touches next may not answer
    remark TEXT             a remark for a person
    moved N                 so many logs are in oldlog now
    output SIZE             the bytes that its output file has, if it has one
    program PATH            the program that it is about to execute
    failed STATUS REASON    why it failed; if the pipe ends without this line, the exec has succeeded
"""

from __future__ import annotations

import os

from base import globs, places
from base.clock import boot_seconds
from base.exits import FAILED, NOT_CONFIGURED, NOT_INSTALLED, Refused
from base.places import NoAnswer
from base.programs import LaunchError
from loop import hand
from loop.deadline import Patience
from loop.fork import fork
from spawn import launch, rotate

WORDS = ("far", "remark", "moved", "output", "program", "failed")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.places import Place
    from loop.loop import Loop
    from proc.server import Server


def fit_to_start(server: Server, here: Place | None = None) -> str:
    """The path of its program.  Raises Refused: what is missing, and what to do.

    here: its directory, if it is open already; else this may block.
    """
    if here is None:
        with open_directory(server, patient=True) as place:
            return fit_to_start(server, place)
    _require_conf(server, here)
    try:
        return server.launch.program()
    except LaunchError as failure:
        raise _no_command(server, failure) from None


def _require_conf(server: Server, here: Place) -> None:
    if server.needs_file and not _has(here, server):
        wanted = f"{' '.join(server.needs_file)} in {server.directory}"
        advice = f"put it there, or set needs_file in {server.conf_file}"
        raise Refused(NOT_CONFIGURED, f"No config file found: {wanted}; {advice}")


def _no_command(server: Server, failure: LaunchError) -> Refused:
    advice = f"set dir or command in {server.conf_file}"
    return Refused(NOT_INSTALLED, f"no command: {failure.reason}; {advice}")


def open_directory(server: Server, patient: bool = False) -> Place:
    """Open its directory.  Raises Refused, NoAnswer; unless patient also OSError, whose reason a child may look for."""
    try:
        return places.opened(server.directory, server.ids, patient)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(NOT_CONFIGURED, f"no directory {server.directory}; set dir in {server.conf_file}") from None
    except OSError as error:
        if not patient:
            raise
        raise _not_entered(server, error) from None


def enter(server: Server, here: Place) -> None:
    """Change into its directory, which is open.  Raises Refused."""
    try:
        os.chdir(here.fd)
    except OSError as error:
        raise _not_entered(server, error) from None


def _not_entered(server: Server, error: OSError) -> Refused:
    from base import executable  # only a failure needs it

    why = executable.not_entered(server.directory, server.ids, server.conf_file)
    return Refused(FAILED, f"dir {server.directory}: {why or error.strerror}")


def _has(here: Place, server: Server) -> bool:
    try:
        listing = here.listable()
        try:
            return bool(globs.names(listing, server.needs_file))
        finally:
            os.close(listing)
    except OSError as error:
        text = f"dir {server.directory} cannot be searched for {' '.join(server.needs_file)}: {error.strerror}"
        raise Refused(FAILED, text) from None


class Departed:
    """What has become a server.  moved: how many logs; remarks: for a person."""

    __slots__ = ("moved", "pid", "program", "remarks")

    def __init__(self, pid: int, program: str, moved: int, remarks: list[str]) -> None:
        self.pid = pid
        self.program = program
        self.moved = moved
        self.remarks = remarks


# -- at once -------------------------------------------------------------------------------------


def at_once(server: Server) -> Departed | None:
    """Start it.  None: a child must do it.  Raises Refused, LaunchError.

    Changes the working directory of the calling process.
    """
    if launch.needs_fork(server.launch):
        return None
    try:
        with open_directory(server) as here:
            if here.swappable or not _is_our_output(server):
                return None
            _require_conf(server, here)
            program, is_ours = _our_program(server, here)
            if not is_ours:
                return None
            moved, remarks = rotate.move_logs(server.directory, server.logs, server.oldlog, here=here)
            return Departed(launch.spawn(server.launch, program, here.fd), program, moved, remarks)
    except (NoAnswer, OSError):
        return None


def _is_our_output(server: Server) -> bool:
    """May only root change its output file?  Raises NoAnswer."""
    output = server.launch.output
    return output == os.devnull or not _is_swappable(output)


def _our_program(server: Server, here: Place) -> tuple[str, bool]:
    """The path of its program; may only root change it, and what comes before it in PATH?  Raises NoAnswer."""
    strange: list[str] = []

    def judge(path: str) -> None:
        directory, _, name = path.rpartition("/")
        if (directory != here.real or _is_link(name, here.fd)) and _is_swappable(path):
            strange.append(path)

    try:
        return server.launch.program(may_look=judge), not strange
    except LaunchError:
        return "", False  # a child may look for the reason: what it looks at may stop answering


def _is_link(name: str, directory: int) -> bool:
    try:
        os.readlink(name, dir_fd=directory)
    except OSError:
        return False
    return True


def _is_swappable(path: str) -> bool:
    try:
        place, _ = places.found(path)
    except OSError:
        return False  # there is nothing
    place.close()
    return place.swappable


# -- in a child ----------------------------------------------------------------------------------


class Departure:
    """The child, until it is the server.

    It calls one of these, once.  left gets what it became; failed the reason for which it could not start; silent the
    path that does not answer, and the pid of the child, which may stay.  Raises LaunchError.
    """

    def __init__(
        self,
        loop: Loop,
        server: Server,
        left: Callable[[Departed], None],
        failed: Callable[[Refused], None],
        silent: Callable[[str, int], None],
    ) -> None:
        self._loop = loop
        self._server = server
        self._left = left
        self._failed = failed
        self._silent = silent
        self._rest = b""
        self._said: dict[str, list[str]] = {word: [] for word in WORDS}
        try:
            self._told, tell = os.pipe()
        except OSError as error:
            raise launch.no_process(error) from None
        try:
            loop.on_readable(self._told, self._hear)  # before there is a child that we could not hear
            self._pid = fork(loop)
        except OSError as error:
            loop.forget(self._told)
            os.close(tell)
            raise launch.no_process(error) from None
        if self._pid == 0:
            _set_out(server, tell)
        os.close(tell)
        loop.errands.add(self._pid)  # it is our child, and no orphan
        self._seconds = server.timeout_ms / 1000
        self._deadline = Patience(loop, server.timeout_ms, self._late)

    def _hear(self) -> None:
        piece = os.read(self._told, 1 << 16)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            word, _, rest = line.decode("utf-8", "surrogateescape").partition(" ")
            self._said[word].append(rest)
            if word == "far":
                self._deadline.end()
                self._deadline = Patience(self._loop, hand.PATIENCE_MS, self._late)
        if piece:
            return
        self._end()
        if self._said["failed"]:
            hand.when_gone(self._loop, self._pid)
            status, _, reason = self._said["failed"][0].partition(" ")
            self._failed(Refused(int(status), reason))
        else:
            self._loop.errands.discard(self._pid)
            self._server.launch.output_began = self._number("output")
            self._left(Departed(self._pid, "".join(self._said["program"]), self._number("moved"), self._said["remark"]))

    def _number(self, word: str) -> int:
        return int("".join(self._said[word]) or 0)

    def _end(self) -> None:
        self._deadline.end()
        self._loop.forget(self._told)

    def _late(self) -> None:
        self.cancel()
        if self._said["far"]:
            self._silent(self._said["far"][-1], self._pid)
        else:
            self._failed(Refused(FAILED, f"it was not executed within {self._seconds:g}s"))

    def cancel(self) -> None:
        """End the child: it must not become the server."""
        self._end()
        hand.kill(self._pid)
        hand.when_gone(self._loop, self._pid)


def _set_out(server: Server, tell: int) -> None:
    """Become the server, or report why that failed; never returns."""
    failed = Refused(FAILED, "its process cannot be set up")
    try:
        os.setsid()
        _become(server, tell)
    except Refused as refused:
        failed = refused
    except LaunchError as failure:
        failed = Refused(NOT_INSTALLED, failure.reason)
    except OSError as error:
        failed = Refused(NOT_INSTALLED, launch.refusal(server.program, error).reason)
    finally:
        _fail(tell, failed.status, str(failed))


def _become(server: Server, tell: int) -> None:
    """Set up this process as conf says, and execute the program.  Raises Refused, LaunchError, OSError.

    If only root may change the directory, move its logs as root, because no one else may; else do it as its user.
    """
    what = server.launch
    if what.caps:
        from spawn import caps

        caps.join(what)
    if what.settings.get("limit_nofile"):  # we may have more open than the limit allows, and the server needs room
        launch.close_all_but([tell, what.output_fd, *(fd for _, fd in what.ends)])
    early = _logs_by_root(server)
    private = None
    if "private" in what.settings:  # read its files while we have our rights
        from spawn.private import Private

        private = Private(server, lambda path: _go_far(server, path, tell))
        private.begin_run()
    launch.take_rights(what)
    _announce(server, tell)
    with open_directory(server, patient=True) as here:
        enter(server, here)
        program = fit_to_start(server, here)
        moved, remarks = early or rotate.move_logs(here.real, server.logs, server.oldlog)
    _tell(tell, f"moved {moved}")
    for text in remarks:
        _tell(tell, f"remark {text}")
    if what.pidfile:
        launch.write_pidfile(what.pidfile)
    launch.take_stdio(what)
    _tell(tell, f"output {what.output_began}")
    _tell(tell, f"program {program}")
    if "not_after" in what.settings:
        _require_time(float(what.settings["not_after"]))
    tell, environment = launch.take_ends(what, tell)
    if private:
        environment = private.environment(environment)
    try:
        launch.execute(what, program, environment)
    except OSError as error:  # the caller's tell may be one of the server's ends by now
        _fail(tell, NOT_INSTALLED, launch.refusal(program, error).reason)


def _require_time(not_after: float) -> None:
    """A singleton must not begin when its lease is about to end.  not_after: seconds since boot.  Raises Refused."""
    if boot_seconds() >= not_after:
        raise Refused(FAILED, "the lease of this machine has ended meanwhile")


def _fail(tell: int, status: int, reason: str) -> None:
    launch.fail(tell, _line(f"failed {status} {reason}"))


def _logs_by_root(server: Server) -> tuple[int, list[str]] | None:
    if os.geteuid() != 0 or not server.ids:
        return None
    try:
        with open_directory(server) as here:
            if here.swappable:
                return None
            return rotate.move_logs(server.directory, server.logs, server.oldlog, server.ids, here)
    except (NoAnswer, Refused, OSError):
        return None


def _announce(server: Server, tell: int) -> None:
    """Report a path that may not answer before we touch it; then close our locks, because this child may hang."""
    try:
        places.require_answer(server.directory)
        places.require_answer(server.launch.output)
        server.launch.program(may_look=places.require_answer)
    except NoAnswer as silent:
        _go_far(server, silent.path, tell)
    except LaunchError:
        pass  # fit_to_start reports it


def _go_far(server: Server, path: str, tell: int) -> None:
    launch.close_all_but([tell, server.launch.output_fd, *(fd for _, fd in server.launch.ends)])
    _tell(tell, f"far {path}")


def _tell(tell: int, text: str) -> None:
    os.write(tell, _line(text).encode("utf-8", "surrogateescape"))


def _line(text: str) -> str:
    return text.replace("\n", "?") + "\n"
