"""What the fuzz tests of this directory share: inputs that parsers stumble over, and the way to run a property.

    .venv-test/bin/python test/fuzz/record.py

Each file tests one parser: for any input it raises nothing but what it documents, executes nothing, and takes less than
SECONDS of processor time; what was written is read back as it was.

A property is a function that makes its input of what a Chooser offers.  hypothesis chooses the bytes behind it, and
looks for the shortest of them that show the fault.

FUZZ         inputs for each property (5000)
FUZZ_SEED    a number that chooses other inputs; without it a property gets the same ones each time
PYHELPERS    the tree to test (pyhelpers/ of the suite that holds this file)

Exit status: 0 good, 1 a property does not hold; hypothesis prints the smallest input that it found.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.environ.get("PYHELPERS") or f"{ROOT}/pyhelpers")

INPUTS = int(os.environ.get("FUZZ") or 5000)
SEED = os.environ.get("FUZZ_SEED") or ""
SECONDS = 1.0
BATCH = 16  # inputs that hypothesis chooses at once: it takes longer to choose one than a parser to read it
SIZE = 40  # bytes behind one input

CANARY = "pwned"
EXECUTES = ("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen")

# Control characters, separators of ours, digits that are none, bytes that are no UTF-8, what a shell would expand
NASTY = (
    "", " ", "\t", "\n", "\r", "\r\n", "\0", "\x01", "\x1b[2J", "\x1e", "\x1f", "\x7f", "\x85", "\u2028", "\u202e",
    "\ufeff", "²", "٣", "१", "Ⅷ", "é", "🦊", "\udc80", "\udcff", "0", "1", "7", "12", "-1", "007", "1e9", "0x10",
    "9" * 25,
    "x" * 300, f"$(touch {CANARY})", f"`touch {CANARY}`", f";touch {CANARY};", f"|touch {CANARY}",
    f"a[$(touch {CANARY})]", f"\n touch {CANARY}\n", "${HOME}", "$((1))", "~", "'", '"', "\\", "\\n", "\\\\", "%s",
    "%n",
    "*", "?", "[", "]", "[!", "{", "}", "{port}", "(", ")", "<", ">", "&", "=", "==", "#", ",", ":", ".", "..", "/",
    "../",
    "@", "-", "--", "_", "end", "a",
)  # fmt: skip

T = TypeVar("T")


class Chooser:
    """Choices that are made by these bytes, one after the other; behind their end each choice is the first one."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def number(self, most: int) -> int:
        """From 0 to most."""
        width = (most.bit_length() + 7) // 8
        found = int.from_bytes(self._raw[self._at : self._at + width], "big")
        self._at += width
        return found % (most + 1)

    def pick(self, of: Sequence[T]) -> T:
        """One of these."""
        return of[self.number(len(of) - 1)]

    def sample(self, of: Sequence[T], most: int) -> list[T]:
        """So many of these at most, each once."""
        return list(dict.fromkeys(self.pick(of) for _ in range(self.number(most))))

    def bytes(self, most: int) -> bytes:
        """Any bytes, so many at most."""
        count = self.number(most)
        found = self._raw[self._at : self._at + count]
        self._at += count
        return found

    def text(self, words: Sequence[str] = (), most: int = 12) -> str:
        """So many pieces at most: half of them of these words, half of NASTY."""
        return "".join(
            self.pick(words if words and self.number(1) else NASTY)
            for _ in range(self.number(most))
            if not self.is_over()
        )

    def raw(self, words: Sequence[str] = (), most: int = 12) -> bytes:
        """The same as bytes."""
        return raw_of(self.text(words, most))

    def changed(self, good: bytes, most: int = 4) -> bytes:
        """A good input with so many changes at most: a piece is taken out, doubled, or one of NASTY in its place."""
        for _ in range(self.number(most)):
            at = self.number(len(good))
            taken = good[at : at + self.number(12)]
            put = self.pick((b"", taken * 2, raw_of(self.pick(NASTY))))
            good = good[:at] + put + good[at + len(taken) :]
        return good

    def is_over(self) -> bool:
        """Have all bytes been used?"""
        return self._at >= len(self._raw)


def raw_of(text: str) -> bytes:
    """As the bytes of a file."""
    return text.encode("utf-8", "surrogateescape")


class TooSlow(Exception):
    """An input took more than SECONDS of processor time."""


def holds(check: Callable[[Chooser], object], size: int = SIZE, batch: int = BATCH) -> None:
    """Try a property with INPUTS inputs; ends the program with 1 where it does not hold.

    check: returns its input, or raises.  size: bytes behind an input.
    The time of the processor is limited, not that of the clock: other programs run on this machine too.
    """

    bad = b""

    def tried(raw: bytes) -> None:
        nonlocal bad
        for number in range(batch):
            chosen = raw[number * size : (number + 1) * size].rstrip(b"\0")
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
            try:
                check(Chooser(chosen))
            except BaseException:
                bad = chosen
                raise
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if os.path.lexists(CANARY):
            os.unlink(CANARY)
            raise AssertionError("an input was executed")

    tried.__name__ = tried.__qualname__ = check.__name__
    given_bytes = given(st.binary(min_size=size * batch, max_size=size * batch))
    run = settings(
        max_examples=-(-INPUTS // batch),
        database=None,
        deadline=None,
        derandomize=not SEED,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )(given_bytes(tried))
    began = time.process_time()
    try:
        (seed(int(SEED))(run) if SEED else run)()
    except BaseException as error:
        error.__notes__ = []  # the bytes of a whole batch
        traceback.print_exc(limit=-3)
        print(f"{check.__name__}: does not hold for {bad!r} (FUZZ={INPUTS} FUZZ_SEED={SEED or 'none'})")
        sys.exit(1)
    print(f"{check.__name__}: {INPUTS} inputs, seed {SEED or 'none'}, {time.process_time() - began:.1f} s", flush=True)


def put(path: str, raw: bytes) -> None:
    """The file holds this from now on."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, raw)
    os.close(fd)


def nothing_is_executed() -> None:
    """From now on each try to start a process is an error."""
    sys.addaudithook(_forbid)


def _forbid(event: str, _: object) -> None:
    if event in EXECUTES:
        raise AssertionError(f"it executes: {event}")


def _too_slow(*_: object) -> None:
    raise TooSlow


def _scratch() -> str:
    """A new directory, in memory where possible; it becomes the working directory, and is removed at the end."""
    directory = tempfile.mkdtemp(prefix="fuzz", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    os.chdir(directory)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


signal.signal(signal.SIGVTALRM, _too_slow)
HERE = _scratch()
