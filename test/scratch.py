"""A scratch directory of a bench or a proof, and the end of all that was started in it.

Whatever one starts has MARK in its environment, however far it daemonizes; or it runs below the directory.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

MARK = "SUITE_SCRATCH"
OF_BATS = ("BATS_", "BASH_FUNC_", "SUITE_TEST")  # and its own programs, which are first in PATH
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ROUNDS = 200  # looks at the processes, until none is left
REST = 0.02  # seconds between two looks


def leave_on_signals() -> None:
    """From now on a signal that ends us leaves through all `with`; the exit status is 128 + its number."""
    for each in ENDING:
        signal.signal(each, _leave)


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


class Scratch:
    """`with Scratch("proof.") as place:` - place.path is there, and gone afterwards with all processes.

    prefix: what its name begins with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __enter__(self) -> Scratch:
        # Servers of other users run below it: they must be allowed to enter
        self.path = Path(tempfile.mkdtemp(prefix=self._prefix)).resolve()
        self.path.chmod(0o755)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        before = {each: signal.signal(each, signal.SIG_IGN) for each in ENDING}  # nothing may stay behind
        try:
            end_all(self.path)
        finally:
            shutil.rmtree(self.path, ignore_errors=True)
            for each, what in before.items():
                signal.signal(each, what)


def environment(scratch: Path) -> dict[str, str]:
    """Ours with the mark, without what the bats that may run us has set for itself."""
    found = {key: value for key, value in os.environ.items() if not key.startswith(OF_BATS)}
    path = [each for each in os.get_exec_path() if not os.path.exists(f"{each}/bats-exec-test")]
    return {**found, MARK: str(scratch), "TMPDIR": str(scratch), "PATH": os.pathsep.join(path)}


def begin(words: Sequence[str], scratch: Path, out: Path, more: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a program with the mark, in a session of its own; what it prints is added to out.

    more: variables of its environment, beside ours.
    """
    with open(out, "ab") as printed:
        return subprocess.Popen(
            words,
            env={**environment(scratch), **more},
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )


def end_all(scratch: Path) -> None:
    """Kill all that belongs to that directory; raises OSError if something outlives that."""
    for _ in range(ROUNDS):
        pids = belonging(scratch)
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(REST)
        _reap()
    raise OSError(f"still alive: {belonging(scratch)}")


def belonging(scratch: Path) -> list[int]:
    """The living processes that carry the mark, or run below the directory."""
    mark, place = f"\0{MARK}={scratch}".encode(), str(scratch)
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _belongs(pid, mark, place)]


def _belongs(pid: int, mark: bytes, place: str) -> bool:
    if pid == os.getpid():
        return False
    try:
        environ = b"\0" + Path(f"/proc/{pid}/environ").read_bytes()  # empty for a zombie
        within = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return False
    return mark + b"\0" in environ or mark + b"/" in environ or within == place or within.startswith(f"{place}/")


def _reap() -> None:
    """Those that are our children."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
