"""Run one program within bounds: a session of its own, so long to live, so much output kept.

It gets a text on stdin and its stdout and stderr are read to the end of its life, however much it prints; the first
8 KiB are kept. When its time is over, every process of its session gets TERM and, GRACE later, KILL. What it leaves
running behind itself has the rest of that time and is then ended too; what made a session of its own is let go.

    $ echo hello | cd pyhelpers; python3 -m alerting.session 30 sh -c 'cat; exit 75'
    hello
    75 after 3 ms

Exit status: 0 the program ended with 0, 1 it did not, 2 usage, 126 it cannot be run.
Source: setsid(2), pidfd_open(2), memfd_create(2), proc(5).
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from proc import identity

KEPT = 1 << 13  # bytes of output
GRACE = 2.0  # seconds between TERM and KILL
TIMEOUT = "timeout"
_ROUNDS = 20  # of KILL, against a session that forks while it is being ended


class Outcome(NamedTuple):
    """How a program ended: its exit status, the name of a signal without SIG, or TIMEOUT; after how many ms."""

    status: str
    ms: int
    output: str


class Call:
    """One run of a program. Use it with `with`: on the way out what is left of its session is waited for and ended.

    argv, environment: bytes. text: what it reads from stdin. seconds: how long it may live.
    Raises OSError when the program cannot be run.
    """

    def __init__(self, argv: Sequence[bytes], environment: Mapping[bytes, bytes], text: bytes, seconds: float) -> None:
        self._started = time.monotonic()
        self._deadline = self._started + seconds
        self._kept = b""
        stdin = _memory_file(text)
        try:
            # close_fds, restore_signals: the program gets 0, 1, 2 and nothing else of ours
            self._leader = subprocess.Popen(
                argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=environment, cwd="/", start_new_session=True, bufsize=0,
            )  # fmt: skip
        finally:
            os.close(stdin)
        assert self._leader.stdout is not None
        self._output = self._leader.stdout.fileno()
        self._reading = True
        os.set_blocking(self._output, False)

    def __enter__(self) -> Call:
        return self

    def __exit__(self, *_: object) -> None:
        # The leader is reaped last: as a zombie it keeps the number of its session from being given to strangers.
        while time.monotonic() < self._deadline:
            with self._members() as members:
                if not members:
                    break
                self._read_until(self._deadline, members)
        self._end()
        assert self._leader.stdout is not None
        self._leader.stdout.close()
        self._leader.wait()

    def wait(self) -> Outcome:
        """Wait until the program has ended or its time is over, and its session then is ended."""
        pidfd = os.pidfd_open(self._leader.pid)
        try:
            ended = self._read_until(self._deadline, [pidfd])
        finally:
            os.close(pidfd)
        if not ended:
            self._end()
        self._read_rest()
        ms = int((time.monotonic() - self._started) * 1000)
        return Outcome(self._status() if ended else TIMEOUT, ms, self._kept.decode("utf-8", "replace"))

    def _status(self) -> str:
        result = os.waitid(os.P_PID, self._leader.pid, os.WEXITED | os.WNOWAIT)
        assert result is not None
        return str(result.si_status) if result.si_code == os.CLD_EXITED else _signal_name(result.si_status)

    def _read_until(self, deadline: float, pidfds: Sequence[int]) -> bool:
        """Read output until one of the processes ends: True; or until the deadline (monotonic): False."""
        poll = select.poll()
        for fd in [self._output, *pidfds] if self._reading else pidfds:
            poll.register(fd, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            for fd, _ in poll.poll(int(left * 1000) + 1):
                if fd != self._output:
                    return True
                self._read_some()
                if not self._reading:
                    poll.unregister(fd)
        return False

    def _read_some(self) -> bool:
        """Read once and keep what there is room for; False: there is nothing to read now."""
        try:
            piece = os.read(self._output, 1 << 16)
        except BlockingIOError:
            return False
        self._kept += piece[: KEPT - len(self._kept)]
        self._reading = bool(piece)
        return self._reading

    def _read_rest(self) -> None:
        """Read what the program left in the pipe, and no more than a pipe holds: others may write on for ever."""
        for _ in range(16):
            if not self._reading or not self._read_some():
                break

    def _end(self) -> None:
        """TERM and then KILL what lives of the session. What not even KILL ends (state D) is left behind."""
        until = time.monotonic() + GRACE
        with self._members() as members:
            _signal_all(members, signal.SIGTERM)
            _signal_all(members, signal.SIGCONT)  # a stopped process takes TERM only when it goes on
        for round_ in range(_ROUNDS * 2):
            with self._members() as members:
                if not members:
                    return
                if time.monotonic() < until and round_ < _ROUNDS:
                    self._read_until(until, members)
                    continue
                _signal_all(members, signal.SIGKILL)
                self._read_until(time.monotonic() + 0.5, members)

    @contextmanager
    def _members(self) -> Iterator[list[int]]:
        """Pidfds of the living processes of the session."""
        found: list[int] = []
        try:
            for name in os.listdir("/proc"):
                if name.isdigit() and self._is_member(int(name)):
                    self._open_member(int(name), found)
            yield found
        finally:
            for fd in found:
                os.close(fd)

    def _open_member(self, pid: int, found: list[int]) -> None:
        try:
            found.append(os.pidfd_open(pid))
        except ProcessLookupError:
            return
        if not self._is_member(pid):  # the pid went to another process in between
            os.close(found.pop())

    def _is_member(self, pid: int) -> bool:
        fields = identity.stat_fields(pid)
        return fields is not None and fields[0] not in "ZX" and int(fields[3]) == self._leader.pid


def _memory_file(text: bytes) -> int:
    """A file that holds text, to read from: unlike a pipe it never blocks its writer nor needs a reader."""
    fd = os.memfd_create("stdin")
    while text:
        text = text[os.write(fd, text) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _signal_all(pidfds: Sequence[int], number: int) -> None:
    for fd in pidfds:
        try:
            signal.pidfd_send_signal(fd, number)
        except (ProcessLookupError, PermissionError):
            pass  # gone; or it runs as another user, and then it is not ours to end


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name[len("SIG") :]
    except ValueError:  # a real-time signal
        return f"signal-{number}"


def main(words: list[str]) -> int:
    """Run PROGRAM for at most SECONDS with our stdin, print its output and its outcome."""
    if len(words) < 2 or not words[0].isdigit():
        print("usage: python3 -m alerting.session SECONDS PROGRAM [ARG...]", file=sys.stderr)
        return 2
    try:
        with Call([os.fsencode(w) for w in words[1:]], os.environb, sys.stdin.buffer.read(), int(words[0])) as call:
            outcome = call.wait()
    except OSError as error:
        print(f"{words[1]}: {error.strerror}", file=sys.stderr)
        return 126
    sys.stdout.write(outcome.output)
    print(f"{outcome.status} after {outcome.ms} ms", file=sys.stderr)
    return 0 if outcome.status == "0" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
