"""The socket of sd_notify(3): datagrams, each with the credentials of its sender from the kernel.

A server gets the address in NOTIFY_SOCKET at its launch, and sends there as long as it lives.  So the address is the
same for all later watchers: `notify` in the server's directory below STATE_DIR.  If the server cannot reach that, the
address is an abstract name, made of the directory's device and inode: for a path that is too long (sockaddr_un has room
for 108 bytes), and for a monitor of root, whose servers may change their user before they send, while only root may
enter STATE_DIR.  Any process may send to an abstract name, so the reader must check the sender.

A client that connects only once (python's sdnotify) sends to the very socket of that moment.  So a watcher that
executes a new one in place (an update) keeps the sockets over the exec: RUN_DIR/notify has lines `FD ADDRESS`.

Source: unix(7): SO_PASSCRED, SCM_CREDENTIALS, SCM_RIGHTS; cmsg(3); sd_notify(3).
"""

from __future__ import annotations

import _socket
import errno
import os
import struct

from loop import let_go

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Home
    from loop.let_go import Control
    from loop.loop import Loop

ROOM_FOR_PATH = 108
LONGEST = 4096  # bytes of one datagram; systemd accepts no more either
READS_AT_ONCE = 32  # a flood must not block the loop
CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
ROOM_FOR_CONTROL = _socket.CMSG_SPACE(CREDENTIALS.size)  # and none for descriptors: see _let_go()
FLAGS = let_go.FLAGS
TRY_AGAIN_MS = 200
TRIES = 25


def address_of(directory: str) -> str:
    """The NOTIFY_SOCKET for the server with that directory, which must exist.  Raises OSError."""
    path = f"{directory}/notify"
    if os.geteuid() != 0 and len(os.fsencode(path)) < ROOM_FOR_PATH:
        return path
    found = os.stat(directory)
    return f"@monitor-{found.st_dev:x}-{found.st_ino:x}"


def kept(watcher: Home) -> dict[str, int]:
    """The descriptors of all sockets of this watcher by address, including inherited ones."""
    found = watcher.shared.setdefault("notify", {})
    assert isinstance(found, dict)
    return found


def keep_over_exec(watcher: Home) -> None:
    """We execute a new watcher: it inherits the sockets, or binds its own if we cannot write the list."""
    try:
        with open(f"{watcher.run_dir}/notify", "w", encoding="utf-8", errors="surrogateescape") as inventory:
            inventory.writelines(f"{fd} {address}\n" for address, fd in kept(watcher).items())
    except OSError:
        return
    for fd in kept(watcher).values():
        os.set_inheritable(fd, True)


def inherit(watcher: Home) -> None:
    """Take over the sockets that the watcher before the exec kept open, except those that conf no longer wants."""
    heard = [life for life in watcher.lives if life.server.vital.get("heartbeat") == "notify"]
    wanted = {address_of(life.account.directory) for life in heard if os.path.isdir(life.account.directory)}
    path = f"{watcher.run_dir}/notify"
    with open(path, encoding="utf-8", errors="surrogateescape") as inventory:
        lines = inventory.read().split("\n")[:-1]
    os.unlink(path)
    for number, _, address in (line.partition(" ") for line in lines):
        fd = int(number)
        if not _is_bound(fd, address):
            continue
        os.set_inheritable(fd, False)
        if address in wanted:
            kept(watcher)[address] = fd
        else:
            let_go.close(watcher.loop, [fd])  # descriptors that others have sent may wait in it


def _is_bound(fd: int, address: str) -> bool:
    """Is it that socket?  It may not be, if an exec failed and left its list."""
    try:
        socket = _socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        name: object = socket.getsockname()
    finally:
        socket.detach()
    return name == _name_of(address)


def _name_of(address: str) -> str | bytes:
    """The name of this address for bind(2)."""
    return b"\0" + address[1:].encode() if address[0] == "@" else address


class NotifySocket:
    """The receiving end for one server.

    hear(pid, uid, text): gets a datagram, with text None if it is too long, and pid 0 if the sender is in a namespace
    that we do not see; returns whether the sender is proved.
    unheard(error): is called if we cannot bind the socket.
    """

    def __init__(
        self,
        loop: Loop,
        kept: dict[str, int],
        address: str,
        hear: Callable[[int, int, bytes | None], bool],
        unheard: Callable[[OSError], None],
    ) -> None:
        self._loop = loop
        self._kept = kept
        self._address = address
        self._hear = hear
        self._unheard = unheard
        self._tries = 0
        self._socket: _socket.socket | None = None
        self._open()

    def is_open(self) -> bool:
        """Does it receive?  If its address is not free yet, it may receive later."""
        return self._socket is not None

    def _open(self) -> None:
        if self._address in self._kept:
            self._socket = _socket.socket(fileno=self._kept[self._address])
        else:
            socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
            socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
            try:
                self._bind(socket)
            except OSError as error:
                socket.close()
                self._not_bound(error)
                return
            self._socket = socket
            self._kept[self._address] = socket.fileno()
        self._loop.on_readable(self._socket.fileno(), self._read)

    def _bind(self, socket: _socket.socket) -> None:
        if self._address[0] != "@":
            try:
                os.unlink(self._address)  # left by an earlier watcher
            except FileNotFoundError:
                pass
        socket.bind(_name_of(self._address))

    def _not_bound(self, error: OSError) -> None:
        """Try again: the child of a killed watcher may hold the address for a moment; or another program has it."""
        self._tries += 1
        if error.errno == errno.EADDRINUSE and self._tries <= TRIES:
            self._loop.after(TRY_AGAIN_MS, self._open)
        else:
            self._unheard(error)

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(READS_AT_ONCE):
            try:
                text, control, flags, _ = self._socket.recvmsg(LONGEST, ROOM_FOR_CONTROL, FLAGS | _socket.MSG_PEEK)
                has_more = flags & _socket.MSG_CTRUNC  # control data beside the credentials: descriptors
                if not has_more:
                    self._socket.recvmsg(0, 0, FLAGS)
            except OSError:
                return  # nothing is left; a lasting error comes again at the next wake-up
            sender, is_believed = _sender(control), False
            try:
                is_believed = self._hear(*sender, None if flags & _socket.MSG_TRUNC else text)
            finally:
                if has_more:
                    # BARRIER=1: its sender waits for this; then it knows that we have read all earlier messages
                    self._let_go(sender, 1 if is_believed else READS_AT_ONCE)
            if has_more:
                return

    def _let_go(self, sender: tuple[int, int], most: int) -> None:
        """Receive the datagram without its descriptors, and more such datagrams of that sender; then read on."""
        assert self._socket is not None
        let_go.receive(
            self._loop, self._socket, ROOM_FOR_CONTROL, lambda control: _sender(control) == sender, most, self._read_on
        )

    def _read_on(self) -> None:
        assert self._socket is not None
        self._loop.on_readable(self._socket.fileno(), self._read)


def _sender(control: Control) -> tuple[int, int]:
    """Pid and uid of the sender."""
    for level, kind, content in control:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_CREDENTIALS:
            pid, uid, _ = CREDENTIALS.unpack(content)
            return pid, uid
    return 0, -1
