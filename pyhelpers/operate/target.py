"""The server that an order is about: its record, and the monitor that watches it."""

from __future__ import annotations

import os
import time

from base.exits import FAILED, NO_PERMISSION, NOT_RUNNING, Refused
from state import record, turn
from state.answers import Answers
from state.lock import UNREADABLE, mailbox_of, watcher_of
from state.namesakes import Namesakes
from state.paths import make_private, server_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server

FULL_FOR = 10.0  # seconds: a helper that is started again takes less
LOOK_EVERY = 0.01
LEAVES_WITHIN = 2.0  # seconds: the helper of a monitor that has ended


class Target:
    """The server that an order is about.  monitor: pid of the monitor that watches it, or ""; before: its record.

    remark: what the operator should know when the order is done; "" for nothing.
    """

    def __init__(self, server: Server, state_dir: str) -> None:
        self.server = server
        self.name = server.name
        self.state_dir = state_dir
        self.directory = server_directory(state_dir, server.kept_in)
        self.monitor = _watcher_that_stays(self.directory)
        self.token = self.remark = ""
        self._turn = -1
        self._answers = Answers(self.directory)
        self.before = self.known()

    def known(self) -> dict[str, str]:
        """Its record now, with "" for unknown values."""
        try:
            found = record.read(self.directory)
        except record.Torn:
            found = {}
        return found or dict.fromkeys(record.KEYS, "")

    def order(self, word: str, more: str = "") -> None:
        """Write the order to the monitor's mailbox, with one write, which cannot be torn.  Raises Refused."""
        self.token = f"{os.getpid()}.{time.monotonic_ns()}"
        post(self._mailbox(), f"{word} {self.name} {self.token} {more}".rstrip() + "\n")

    def _mailbox(self) -> str:
        return mailbox_of(self.directory, self.monitor)

    def is_watched(self) -> bool:
        """Does the monitor live that got the order?"""
        return watcher_of(self.directory) in (self.monitor, UNREADABLE)

    def claim(self) -> None:
        """We are about to write into its directory: make that, and claim it if it is not the first of its name.

        Raises OSError.
        """
        make_private(self.directory)
        if not self.server.is_placed:
            kept_in = Namesakes(self.state_dir).claim(self.name, self.server.directory)
            self.directory = server_directory(self.state_dir, kept_in)

    def take_turn(self) -> None:
        """Wait until no other operator is at work, and look again for a monitor; there is no turn if one watches it.

        Raises Refused.
        """
        try:
            self.claim()
            self._turn = turn.take(self.directory)
        except OSError as error:
            raise Refused(NO_PERMISSION, f"{self.directory}/turn: {error.strerror}") from None
        self.monitor = _watcher_that_stays(self.directory)
        if self.monitor:
            self.end_turn()

    def end_turn(self) -> None:
        """Let another operator, or a monitor, have its turn."""
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1

    def want(self, word: str) -> None:
        """Save the wanted state (up, down, paused) for the next monitor.  Raises Refused."""
        try:
            self.claim()
            record.write_want(self.directory, word)
        except OSError as error:
            raise Refused(NO_PERMISSION, f"{self.directory}/want: {error.strerror}") from None

    def answer(self) -> str | None:
        """The monitor's newest answer to the order; None if there is none yet."""
        return self._answers.to(self.token)


def _watcher_that_stays(directory: str) -> str:
    """As watcher_of.  A monitor that ends takes its mailbox along; its helper may hold the lock a moment longer."""
    deadline = time.monotonic() + LEAVES_WITHIN
    while True:
        monitor = watcher_of(directory)
        is_leaving = monitor not in ("", UNREADABLE) and not os.path.lexists(mailbox_of(directory, monitor))
        if not is_leaving or time.monotonic() > deadline:
            return monitor
        time.sleep(LOOK_EVERY)


def post(mailbox: str, line: str) -> None:
    """Write one line into a mailbox.  Raises Refused if no monitor reads it or we may not write."""
    try:
        fd = os.open(mailbox, os.O_WRONLY | os.O_NONBLOCK)
    except PermissionError:
        raise Refused(NO_PERMISSION, f"{mailbox}: you may not order; be its owner, or in control_group") from None
    except OSError as error:
        raise Refused(NOT_RUNNING, f"{mailbox}: {error.strerror}; the monitor has ended") from None
    try:
        # The first newline ends a line that another writer may have left incomplete; the helper skips empty lines.
        _write_soon(fd, b"\n" + line.encode("utf-8", "surrogateescape"), mailbox)
    finally:
        os.close(fd)


def _write_soon(fd: int, raw: bytes, mailbox: str) -> None:
    """Write all of it at once, as soon as there is room.  Raises Refused: nothing is read there."""
    deadline = time.monotonic() + FULL_FOR
    while True:
        try:
            os.write(fd, raw)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Refused(FAILED, f"{mailbox} is full, and the monitor does not read it") from None
        except BrokenPipeError:
            raise Refused(NOT_RUNNING, f"{mailbox}: the monitor has ended") from None
        time.sleep(LOOK_EVERY)
