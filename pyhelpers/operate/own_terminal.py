"""A program that root runs as another user gets a terminal of its own, and this process passes on what it shows.

In our terminal it could type commands for us (TIOCSTI of ioctl_tty(2)), and read what we type after its end.  So a
child of this process goes on, as the leader of a session with a pseudoterminal (pty(7)), and becomes the program.  This
process stays: it passes on what is typed and shown, the size of the window and signals, and ends as the program does.

A standard stream that is no terminal stays what it is.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import termios
import tty

from base.ids import Ids

PIECE = 1 << 14
LAST_PIECES = 64  # what a program left in its terminal is less; what it left running may write on
UNKNOWN = 1 << 8  # status 1
PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def is_needed(ids: Ids | None) -> bool:
    """Have we a terminal that a program of this user must not get?"""
    return ids is not None and ids.uid not in (-1, os.geteuid()) and (any(map(os.isatty, range(3))) or _controls_us())


def _controls_us() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def go_on_in_own(ids: Ids) -> None:
    """Return in a child that has a terminal of its own; this process ends as that child does.  Raises OSError."""
    ours = next(filter(os.isatty, range(3)), -1)
    master, slave = os.openpty()
    if ours >= 0:
        termios.tcsetattr(slave, termios.TCSANOW, termios.tcgetattr(ours))
    relay = _Relay(master, ours)
    relay.copy_size()
    pid = os.fork()
    if pid == 0:
        os.close(master)
        _take(slave, ids)
        return
    status = UNKNOWN  # we keep the slave open, too: so the master has no end before the program's
    try:
        status = relay.run(pid)
    finally:
        _end_like(status)


def _take(slave: int, ids: Ids) -> None:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    os.fchown(slave, ids.uid, -1)
    for stdio in filter(os.isatty, range(3)):
        os.dup2(slave, stdio)
    os.close(slave)


def _is_typed_for_us() -> bool:
    """Is stdin a terminal, and we in its foreground?"""
    return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()


class _Relay:
    """Between our terminal, -1 for none, and the master side of the program's."""

    def __init__(self, master: int, ours: int) -> None:
        self._master = master
        self._ours = ours
        self._typed = b""  # and not passed on yet
        self._pid = 0

    def copy_size(self, *_: object) -> None:
        """Give the program's terminal the size of ours."""
        if self._ours >= 0:
            size = fcntl.ioctl(self._ours, termios.TIOCGWINSZ, bytes(8))
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def run(self, pid: int) -> int:
        """Pass everything on until this child ends; return its status, as of wait(2)."""
        self._pid = pid
        pidfd = os.pidfd_open(pid)
        os.set_blocking(self._master, False)
        signal.signal(signal.SIGWINCH, self.copy_size)
        for number in PASSED_ON:
            signal.signal(number, self._pass_on)
        before = termios.tcgetattr(0) if _is_typed_for_us() else None
        try:
            if before:
                tty.setraw(0, termios.TCSADRAIN)  # keep what is typed already
            self._relay(pidfd, [0] if before else [])
        finally:
            if before:
                termios.tcsetattr(0, termios.TCSADRAIN, before)
        for number in PASSED_ON:
            signal.signal(number, signal.SIG_IGN)
        return os.waitpid(pid, 0)[1]

    def _pass_on(self, number: int, _: object) -> None:
        os.kill(self._pid, number)  # we have not reaped it

    def _relay(self, pidfd: int, typing: list[int]) -> None:
        while True:
            reads = [pidfd, self._master, *([] if self._typed else typing)]
            ready, _, _ = select.select(reads, [self._master] if self._typed else [], [])
            if 0 in ready:
                self._typed = os.read(0, PIECE)
                typing = typing if self._typed else []
            self._write()
            self._show()
            if pidfd in ready:
                for _ in range(LAST_PIECES):
                    self._show()
                return

    def _write(self) -> None:
        try:
            self._typed = self._typed[os.write(self._master, self._typed) :]
        except BlockingIOError:
            pass  # the program does not read

    def _show(self) -> None:
        """Show a piece of what the program prints, if there is any."""
        try:
            piece = os.read(self._master, PIECE)
        except BlockingIOError:
            return
        while piece and self._ours >= 0:
            piece = piece[os.write(self._ours, piece) :]


def _end_like(status: int) -> None:
    """End as a child with this status of wait(2) did; never returns."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
