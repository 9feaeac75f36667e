"""The descriptors that the watcher holds for its servers, across restarts: listening sockets, channels, daemon sockets.

Each is close-on-exec from the start; spawn/launch.py gives a server its own ones.  When the watcher dies, a successor
takes them back from the living servers: STATE_DIR/servers/NAME/ends holds the boot and then lines `INODE COOKIE KEY`.
A watcher that executes a new one in place (an update) keeps them open over the exec; RUN_DIR/held lists them.
"""

from __future__ import annotations

import _socket
import errno
import os

from base import files
from base.exits import FAILED, Refused
from config import fd_keys
from fdstore import daemonsocket, listeners, recover
from loop import let_go
from proc import evidence
from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fdstore.recover import Seal
    from loop.host import Followed, Home
    from proc.server import Server

ENDED = ("STOPPED", "EXITED", "FATAL")
TYPES = {"dgram": _socket.SOCK_DGRAM, "seqpacket": _socket.SOCK_SEQPACKET, "stream": _socket.SOCK_STREAM}


class Held:
    """The descriptors of one watcher, by the keys of config/fd_keys.py."""

    def __init__(self, watcher: Home) -> None:
        self._watcher = watcher
        self._fds: dict[str, int] = {}
        self._seen: set[str] = set()  # servers for which we know what their process has
        self._lost: dict[int, str] = {}  # number of a living server -> why it must be restarted
        self._written: dict[str, str] = {}
        self._asking = [life.server for life in watcher.lives if life.server.ends]

    def count(self) -> int:
        """The most descriptors that we may hold."""
        return sum(2 * len(server.ends.ends) for server in self._asking if server.ends)

    def ours(self, name: str) -> int:
        """The watcher's end of a server's daemon socket; -1 if there is none."""
        return self._fds.get(fd_keys.ours_of(name), -1)

    def inodes(self, server: Server) -> set[int]:
        """The inodes of the listening sockets that we hold for this server."""
        keys = server.ends.keys() if server.ends else []
        return {os.fstat(self._fds[key]).st_ino for key in keys if key.startswith("socket ") and key in self._fds}

    # -- given to a server -----------------------------------------------------------------------

    def hand_over(self, server: Server) -> list[tuple[str, int]]:
        """Name and descriptor of each one that its next process must have, in order.  Raises Refused."""
        wanted = server.ends
        if not wanted:
            return []
        self._lost.pop(server.number, None)
        self._seen.add(server.name)
        if wanted.daemon:
            self._drain(server)
        for key in wanted.keys():
            try:
                self._make(key, server)
            except OSError as error:
                raise Refused(FAILED, _refusal(key, error)) from None
            if not any(other.pid for other in self._others(key, server)):
                os.set_blocking(self._fds[key], True)  # the last process that had it may have changed that
        self._remember(server)
        ends = [(name, self._fds[key]) for name, key in wanted.ends.items()]
        if wanted.scm:
            _send(self.ours(server.name), [fd for _, fd in ends[:-1]])
        return ends[-1:] if wanted.scm else ends

    def _others(self, key: str, server: Server) -> list[Server]:
        """The other servers that have it too: a socket that they share."""
        return [each for each in self._asking if each is not server and each.ends and key in each.ends.sockets]

    def hand_beside(self, server: Server) -> list[tuple[str, int]]:
        """The same for a process beside one that has them: we change nothing about them.  Raises Refused."""
        if not server.ends or not self._is_whole(server):
            raise Refused(
                FAILED, "its process has not all that sockets and channels name; restart it without --overlap once"
            )
        return [(name, self._fds[key]) for name, key in server.ends.ends.items()]

    def mend(self, server: Server) -> str:
        """A process has ended that had the same sockets as another one, which goes on: have them listen again.

        Some servers shut their sockets down when they end, and that is so for all processes that have them.  A unix
        socket whose file is gone cannot be mended: returns why the server must be restarted; "" if it need not be.
        """
        for key, words in server.ends.sockets.items() if server.ends else ():
            try:
                is_well = key not in self._fds or listeners.kept(self._fds[key], words, server.ids)
            except OSError:
                is_well = False
            if not is_well:
                return f"the old process has taken {fd_keys.shown(key)} from the new one"
        return ""

    def _drain(self, server: Server) -> None:
        """Empty its daemon socket, or close it, so that it is made anew, if that could take long."""
        assert server.ends
        theirs, ours = self._fds.get(server.ends.daemon, -1), self.ours(server.name)
        if theirs >= 0 and ours >= 0 and not (daemonsocket.drain(theirs) and daemonsocket.drain(ours)):
            del self._fds[server.ends.daemon], self._fds[fd_keys.ours_of(server.name)]
            let_go.close(self._watcher.loop, [ours, theirs])

    def _make(self, key: str, server: Server) -> None:
        """Make it, or keep the one that we hold.  Raises OSError."""
        word, _, rest = key.partition(" ")
        if word == "socket":
            self._make_socket(key, server)
        elif word == "channel":
            self._make_pair(key, fd_keys.peer_of(key), TYPES[rest.partition(" ")[0]])
        else:
            self._make_pair(key, fd_keys.ours_of(server.name), _socket.SOCK_DGRAM)

    def _make_socket(self, key: str, server: Server) -> None:
        assert server.ends
        what = server.ends.sockets[key], server.ids
        if key in self._fds and not listeners.kept(self._fds[key], *what):
            self._close(key)
        if key not in self._fds:
            self._fds[key] = listeners.bound(*what)

    def _make_pair(self, key: str, other: str, kind: int) -> None:
        """Make a new pair if an end is lost or shut down; then the server with the old other end must be restarted."""
        ends = [self._fds[end] for end in (key, other) if end in self._fds]
        if len(ends) == 2 and not any(map(listeners.is_shut, ends)):
            return
        partner = self._server_of(other) if other in self._fds else None
        self._close(key)
        self._close(other)
        self._fds[key], self._fds[other] = (end.detach() for end in _socket.socketpair(_socket.AF_UNIX, kind))
        if partner and partner.pid:
            self._lost[partner.number] = f"the other end of {fd_keys.shown(key)} is lost"
            self._watcher.loop.after(0, self.tell_lost)

    def _server_of(self, end: str) -> Server | None:
        """The server that this end of a channel belongs to."""
        name = end.split(" ")[3] if end.startswith("channel ") else ""
        return next((server for server in self._asking if server.name == name), None)

    def _remember(self, server: Server) -> None:
        """Write down which descriptors it has, for a successor, if that has changed."""
        lines = [self._watcher.boot]
        lines += ["{} {} {}".format(*recover.seal_of(self._fds[key]), key) for key in server.ends.keys()]  # type: ignore[union-attr]
        text = "".join(f"{line}\n" for line in lines)
        path = self._path(server)
        if self._written.get(server.name) == text:
            return
        try:
            files.replace(path, text)
            self._written[server.name] = text
        except OSError as error:
            text = f"{path} not written: {error.strerror}; should this watcher die, the next one restarts the server"
            self._watcher.say(server, text)

    def left(self, server: Server, state: str) -> None:
        """It will not be started for now: close what no other server uses, so that its clients are refused."""
        if state not in ENDED or not server.ends:
            return
        self._lost.pop(server.number, None)
        for key in [*server.ends.keys(), fd_keys.ours_of(server.name)]:
            if not key.startswith("channel "):
                if all(other.state in ENDED for other in self._others(key, server)):
                    self._close(key)
                continue
            other = fd_keys.peer_of(key)
            partner = self._server_of(other)
            if partner is None or partner.state in ENDED:
                self._close(key)
                self._close(other)

    def _close(self, key: str) -> None:
        fd = self._fds.pop(key, -1)
        if fd >= 0 and key.startswith(("daemon ", "channel ")):
            let_go.close(self._watcher.loop, [fd])  # servers may have sent descriptors into it
        elif fd >= 0:
            os.close(fd)

    # -- over an exec ----------------------------------------------------------------------------

    def keep_over_exec(self, run_dir: str) -> None:
        """We execute a new watcher: it inherits all, or takes all back from the servers if we cannot write the list."""
        lines = ["{} {} {} {}\n".format(fd, *recover.seal_of(fd), key) for key, fd in self._fds.items()]
        try:
            files.replace(f"{run_dir}/held", "".join(lines))
        except OSError:
            return
        for fd in self._fds.values():
            os.set_inheritable(fd, True)

    def inherit(self, run_dir: str) -> None:
        """Take over what the watcher before the exec kept open; close what is no longer in conf."""
        wanted = {key for server in self._asking if server.ends for key in server.ends.keys()}
        wanted |= {fd_keys.ours_of(server.name) for server in self._asking if server.ends and server.ends.daemon}
        for fd, seal, key in _inventory(f"{run_dir}/held"):
            try:
                if recover.seal_of(fd) == seal and key in wanted:
                    os.set_inheritable(fd, False)
                    self._fds[key] = fd
            except OSError:
                pass  # the list of an exec that failed
        self._seen = {server.name for server in self._asking if self._is_whole(server)}

    # -- taken back ------------------------------------------------------------------------------

    def recover(self) -> None:
        """After the death of a watcher: take all back from the living servers, or note which ones must be restarted.

        This handles the servers with a record, at the first look; tell_lost() handles those that are found later.
        """
        living = []
        for life in self._watcher.lives:
            if life.server.ends and not self._is_whole(life.server):
                pid = self._recorded(life)
                living += [(life.server, pid)] if pid and self._remembered(life.server) else []
        self._take_back(living)

    def _take_back(self, living: list[tuple[Server, int]]) -> None:
        """Take from each server and its pid what it was given, as far as the kernel allows that."""
        asked = {key for server in self._asking if server.ends for key in server.ends.keys()}
        wanted = [(pid, seal, key) for server, pid in living for key, seal in self._remembered(server).items()]
        wanted = [(pid, seal, key) for pid, seal, key in wanted if key in asked and key not in self._fds]
        refusals: dict[str, str] = {}
        for (_, _, key), got in zip(wanted, recover.fetch([(pid, seal) for pid, seal, _ in wanted]) if wanted else []):
            if isinstance(got, int) and key in self._fds:
                os.close(got)  # several have it
            elif isinstance(got, int):
                self._fds[key] = got
            else:
                refusals[key] = got
        for server, pid in living:
            self._seen.add(server.name)
            self._take_up(server, pid, refusals)

    def _recorded(self, life: Followed) -> int:
        """The pid of the living process that its record names; 0 if none."""
        try:
            process = evidence.recorded(record.read(life.account.directory), self._watcher.boot)
        except (OSError, record.Torn):
            return 0  # the first look reports what is wrong with the record
        return process.pid if process else 0

    def _remembered(self, server: Server) -> dict[str, Seal]:
        """The seals of the descriptors that its last process got in this boot, by key."""
        try:
            with open(self._path(server), encoding="utf-8", errors="surrogateescape") as source:
                boot, *lines = source.read().split("\n")[:-1]
            known = {key: (int(inode), int(cookie)) for inode, cookie, key in map(_three, lines)}
        except (OSError, ValueError):
            return {}
        return known if boot == self._watcher.boot else {}

    def _path(self, server: Server) -> str:
        return f"{self._watcher.state_dir}/servers/{server.kept_in}/ends"

    def _take_up(self, server: Server, pid: int, refusals: dict[str, str]) -> None:
        assert server.ends
        if server.ends.daemon in self._fds and self.ours(server.name) < 0:
            self._fds[fd_keys.ours_of(server.name)] = daemonsocket.joined(self._fds[server.ends.daemon])
        given = self._remembered(server)
        missing = [key for key in server.ends.keys() if key not in self._fds or key not in given]
        severed = [key for key in server.ends.peers() if key not in self._fds]
        if missing:
            why = refusals.get(missing[0], "it was not given that")
            self._lost[server.number] = f"{fd_keys.listed(missing)} could not be taken back from pid {pid}: {why}"
        elif severed:
            self._lost[server.number] = f"the other end of {fd_keys.listed(severed)} is lost"
        else:
            self._say_taken_back(server, pid)

    def _say_taken_back(self, server: Server, pid: int) -> None:
        names = fd_keys.listed(server.ends.keys()) if server.ends else ""
        self._watcher.say(server, f"{names} taken back from pid {pid}")

    def tell_lost(self) -> None:
        """Have the servers restarted that need new descriptors; report one that someone else started without any."""
        self._see_to_found()
        for server in self._asking:
            self.left(server, server.state)  # an update may have given descriptors to a server that was given up
        for number, text in list(self._lost.items()):
            life = self._watcher.lives[number - 1]
            if self._is_whole(life.server) and self._are_given(life.server):
                del self._lost[number]
                self._say_taken_back(life.server, life.server.pid)
            elif life.phase == "up" and life.account.want == "up":
                del self._lost[number]
                life.health.hung(text)

    def _see_to_found(self) -> None:
        """Handle servers without a record: their watcher died during the launch, or someone else started them."""
        for server in self._asking:
            if not server.pid or server.name in self._seen:
                continue
            if self._has_some(server):
                self._take_back([(server, server.pid)])
                continue
            self._seen.add(server.name)
            what = fd_keys.conf_keys(server.ends)
            self._watcher.say(server, f"someone else started it; it gets {what} at its next start")

    def _has_some(self, server: Server) -> bool:
        """Does its process have one of the sockets that it was given, or may we not look?"""
        inodes = {inode for inode, _ in self._remembered(server).values()}
        try:
            return not inodes.isdisjoint(inode for _, inode in recover.sockets_of(server.pid))
        except OSError:
            return bool(inodes)

    def _is_whole(self, server: Server) -> bool:
        """Do we hold all descriptors of this server, and their other ends?"""
        wanted = server.ends
        return wanted is not None and all(key in self._fds for key in [*wanted.keys(), *wanted.peers()])

    def _are_given(self, server: Server) -> bool:
        """Does its process have the same descriptors that we hold for it?"""
        given = self._remembered(server)
        return server.ends is not None and all(
            given.get(key) == recover.seal_of(self._fds[key]) for key in server.ends.keys()
        )


def _refusal(key: str, error: OSError) -> str:
    """Why we could not make the descriptor, and what to do."""
    word = key.partition(" ")[0]
    advice = f"change {word}s in conf" if word != "daemon" else "raise ulimit -n"
    if error.errno == errno.EADDRINUSE:
        advice = f"end who has it, or {advice}"
    elif error.errno == errno.ENOENT:
        advice = f"make its directory, or {advice}"
    return f"{fd_keys.shown(key)} cannot be had: {error.strerror}; {advice}"


def _inventory(path: str) -> list[tuple[int, Seal, str]]:
    """Descriptor, seal and key of what was kept over an exec; removes the file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as source:
            lines = source.read().split("\n")[:-1]
        os.unlink(path)
    except OSError:
        return []
    found = []
    for line in lines:
        fd, _, rest = line.partition(" ")
        inode, cookie, key = _three(rest)
        found.append((int(fd), (int(inode), int(cookie)), key))
    return found


def _three(line: str) -> list[str]:
    return line.split(" ", 2)


def _send(ours: int, fds: list[int]) -> None:
    try:
        daemonsocket.send(ours, fds)
    except OSError as error:
        raise Refused(FAILED, f"its descriptors cannot be sent to it: {error.strerror}") from None
