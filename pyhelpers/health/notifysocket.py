"""The socket of sd_notify(3): datagrams, each with the kernel's word on who sent it.

A server is told its address in NOTIFY_SOCKET when it is launched, and sends there for as long as it lives; so the
address is the same for every watcher to come: `notify` in the server's directory below STATE_DIR.  Where that cannot be
reached, it is an abstract name made of that directory's device and inode: for a path that is too long (sockaddr_un has
room for 108 bytes), and for a monitor of root, whose servers may become another user before they speak, and STATE_DIR
is root's alone.  Anybody may send to an abstract name: whoever reads must look at the sender.

A client that connects once for all (python's sdnotify) speaks to the very socket that there was then.  So a watcher
that becomes a new one in place (an update) keeps them over the exec: RUN_DIR/notify has a line `FD ADDRESS` for each.

Source: unix(7): SO_PASSCRED, SCM_CREDENTIALS, SCM_RIGHTS; cmsg(3); sd_notify(3).
"""

from __future__ import annotations

import _socket
import errno
import os
import struct

from loop.loop import KILL
from spawn.launch import close_all_but

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Home
    from loop.loop import Loop

    # of one datagram: level, kind and content of each
    Control = list[tuple[int, int, bytes]]

ROOM_FOR_PATH = 108
LONGEST = 4096  # bytes of one datagram; systemd takes no more either
READS_AT_ONCE = 32  # a flood must not keep the loop
CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
ROOM_FOR_CONTROL = _socket.CMSG_SPACE(CREDENTIALS.size)  # and none for descriptors: see _let_go()
FLAGS = _socket.MSG_DONTWAIT | _socket.MSG_CMSG_CLOEXEC
LONGEST_LETTING_GO_MS = 200
TRY_AGAIN_MS = 200
TRIES = 25


def address_of(directory: str) -> str:
    """What NOTIFY_SOCKET says for the server with that directory, which exists.  Raises OSError."""
    path = f"{directory}/notify"
    if os.geteuid() != 0 and len(os.fsencode(path)) < ROOM_FOR_PATH:
        return path
    found = os.stat(directory)
    return f"@monitor-{found.st_dev:x}-{found.st_ino:x}"


def kept(watcher: Home) -> dict[str, int]:
    """The descriptors of all sockets of this watcher by address, with those that it inherited."""
    found = watcher.shared.setdefault("notify", {})
    assert isinstance(found, dict)
    return found


def keep_over_exec(watcher: Home) -> None:
    """We become a new watcher in this process: it inherits them; or binds its own, where that cannot be written."""
    try:
        with open(f"{watcher.run_dir}/notify", "w", encoding="utf-8", errors="surrogateescape") as inventory:
            inventory.writelines(f"{fd} {address}\n" for address, fd in kept(watcher).items())
    except OSError:
        return
    for fd in kept(watcher).values():
        os.set_inheritable(fd, True)


def inherit(watcher: Home) -> None:
    """Take on what the watcher kept that we were in this process; what conf wants no more is not kept open."""
    heard = [life for life in watcher.lives if life.server.vital.get("heartbeat") == "notify"]
    wanted = {address_of(life.account.directory) for life in heard if os.path.isdir(life.account.directory)}
    path = f"{watcher.run_dir}/notify"
    with open(path, encoding="utf-8", errors="surrogateescape") as inventory:
        lines = inventory.read().split("\n")[:-1]
    os.unlink(path)
    for number, _, address in (line.partition(" ") for line in lines):
        if address in wanted and _is_bound(int(number), address):
            os.set_inheritable(int(number), False)
            kept(watcher)[address] = int(number)


def _is_bound(fd: int, address: str) -> bool:
    """Is it that socket?  It need not be, if the exec never came to be."""
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
    """What bind(2) gets for it."""
    return b"\0" + address[1:].encode() if address[0] == "@" else address


class NotifySocket:
    """The receiving end of one server's.

    hear(pid, uid, text): a datagram, None for one that is too long; pid 0: of a namespace that we do not see.  Is its
    sender believed?
    unheard(error): it cannot be had.
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
        """Does it receive?  One whose address is not free yet may do so later."""
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
                os.unlink(self._address)  # of a watcher before us
            except FileNotFoundError:
                pass
        socket.bind(_name_of(self._address))

    def _not_bound(self, error: OSError) -> None:
        """A watcher that was killed may have left a child that holds it, for a moment; or a stranger has it."""
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
                has_more = flags & _socket.MSG_CTRUNC  # than its sender: descriptors
                if not has_more:
                    self._socket.recvmsg(0, 0, FLAGS)
            except OSError:
                return  # nothing more; or the next wake-up says it again
            sender, is_believed = _sender(control), False
            try:
                is_believed = self._hear(*sender, None if flags & _socket.MSG_TRUNC else text)
            finally:
                if has_more:
                    # BARRIER=1: its sender waits for this, and knows then that all it said before was heard
                    self._let_go(sender, 1 if is_believed else READS_AT_ONCE)
            if has_more:
                return

    def _let_go(self, sender: tuple[int, int], most: int) -> None:
        """Take the datagram without what came with it, and more such of that sender; then read on.

        To let go of the last reference to a file may take an hour: a socket may linger (socket(7)), a file system not
        answer.  The kernel does that where there is no room for a descriptor, in the process that receives, so a child
        receives.  It is killed when that takes long; a datagram that it had not taken by then is heard again.
        """
        assert self._socket is not None
        told, tell = os.pipe()
        try:
            child = os.fork()
        except OSError:
            os.close(told)
            os.close(tell)
            self._loop.ignore(self._socket.fileno())
            self._loop.after(TRY_AGAIN_MS, self._read_on)
            return
        if child == 0:
            _receive(self._socket, tell, sender, most)
        os.close(tell)
        self._loop.ignore(self._socket.fileno())
        late = self._loop.after(LONGEST_LETTING_GO_MS, lambda: _kill(child))

        def received(_: str) -> None:
            late.cancel()
            self._read_on()

        self._loop.hear(child, told, received)

    def _read_on(self) -> None:
        assert self._socket is not None
        self._loop.on_readable(self._socket.fileno(), self._read)


def _sender(control: Control) -> tuple[int, int]:
    """Its pid and uid."""
    for level, kind, content in control:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_CREDENTIALS:
            pid, uid, _ = CREDENTIALS.unpack(content)
            return pid, uid
    return 0, -1


def _receive(socket: _socket.socket, tell: int, sender: tuple[int, int], most: int) -> None:
    """In the child: take the datagrams, and end.  Nothing else of ours stays open in it, should that last."""
    try:
        close_all_but([tell, socket.fileno()])
        for _ in range(most):
            _, control, flags, _ = socket.recvmsg(0, ROOM_FOR_CONTROL, FLAGS | _socket.MSG_PEEK)
            if not flags & _socket.MSG_CTRUNC or _sender(control) != sender:
                break
            socket.recvmsg(0, 0, FLAGS)
    finally:
        os._exit(0)


def _kill(child: int) -> None:
    """It is not reaped before it has ended, so the number is its own."""
    os.kill(child, KILL)
