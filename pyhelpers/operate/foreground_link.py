"""The descriptors between `run`, its monitor and its printer; and the signals that `run` hears."""

from __future__ import annotations

import fcntl
import os
import signal
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from loop.loop import Loop

HIGH = 20  # above all numbers that a child gets, so that none is overwritten while they are put in place
TELL = 9  # where monitor.sh tells `run` something, see lib/ending.sh
OF_PRINTER = 5
BUFFER = 1 << 12


class Link:
    """monitor: the descriptors for its standard output and error; errors: where our own messages go, without waiting.

    heard: gets the number of each signal; told: each line of the monitor or of the printer.
    """

    def __init__(self, loop: Loop, heard: Callable[[int], None], told: Callable[[str], None], is_printed: bool) -> None:
        self._loop = loop
        self._heard, self._told = heard, told
        self._rung, self._ring = _pipe()
        self._hear, self._tell = _pipe()
        self._half = b""
        self._ends = [_pipe(), _pipe(), _pipe()] if is_printed else []  # of the monitor's 1 and 2; the printer's 0
        self.monitor = (self._ends[0][1], self._ends[1][1]) if is_printed else (1, 2)
        self.errors = _opened_anew(self.monitor[1])

    def listen(self, numbers: Iterable[int]) -> None:
        """Hear these signals, the monitor and the printer.  HUP and INT stay ignored if they are (nohup(1))."""
        os.set_blocking(self._rung, False)
        os.set_blocking(self._ring, False)
        os.set_blocking(self._hear, False)
        self._loop.on_readable(self._rung, self._ring_through)
        self._loop.on_readable(self._hear, self._listen)
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        for number in numbers:
            if number == signal.SIGCHLD or signal.getsignal(number) != signal.SIG_IGN or os.getpid() == 1:
                signal.signal(number, _nothing)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _ring_through(self) -> None:
        for number in dict.fromkeys(os.read(self._rung, BUFFER)):
            self._heard(number)

    def _listen(self) -> None:
        *lines, self._half = (self._half + os.read(self._hear, BUFFER)).split(b"\n")
        for line in lines:
            self._told(line.decode("utf-8", "replace"))

    def of_monitor(self) -> dict[int, int]:
        """The descriptors of the monitor: its number, and ours."""
        return {1: self.monitor[0], 2: self.monitor[1], TELL: self._tell}

    def of_printer(self) -> dict[int, int]:
        """Those of the printer, see run_print.py."""
        output, errors, end = self._ends
        return {0: end[0], 3: output[0], 4: errors[0], OF_PRINTER: self._tell}

    def end_printer(self) -> None:
        """Nothing more will be printed."""
        os.close(self._ends[2][1])


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH) for fd in ends]
    for fd in ends:
        os.close(fd)
    return high[0], high[1]


def _opened_anew(fd: int) -> int:
    """The same pipe or terminal, opened so that we never wait: O_NONBLOCK of fd itself is shared with others."""
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return fd  # a socket


def say_to(fd: int, text: str) -> None:
    """Print a message, or drop it if there is no room."""
    try:
        os.write(fd, f"monitor.sh: {text}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        pass


def _nothing(number: int, frame: object) -> None:
    """Python writes into the pipe only for a signal that has a handler."""
