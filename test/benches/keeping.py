"""What keeps servers up while it is measured: our suite, and the least that a shell can do."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from scratch import begin, end_all

ROOT = Path(__file__).resolve().parents[2]


class Run:
    """Something that keeps N stamping servers up, in a scratch directory of its own."""

    def __init__(self, name: str, scratch: Path, number: int, logs: bool = False) -> None:
        self.name = name
        self.scratch = Path(tempfile.mkdtemp(dir=scratch))
        self.stamps = self.scratch / "stamps"
        self.stamps.touch()
        more = ["-l"] if logs else []
        self.ids = [f"s{index:04d}" for index in range(number)]
        self.commands = {i: [str(scratch / "stamp"), str(self.stamps), i, *more] for i in self.ids}
        self.process: subprocess.Popen[bytes] | None = None
        self._read = 0  # bytes of stamps
        self._last: dict[str, tuple[int, int]] = {}
        self.began = 0  # ns, when start() was called
        self.patience = float("inf")  # seconds that a wait takes at most

    def start(self, command: list[str]) -> None:
        """Begin, and wait until every server has stamped.  Raises TimeoutError."""
        self.began = time.monotonic_ns()
        self.process = begin(command, self.scratch, self.scratch / "out", {})
        self.wait_for(self.ids, 0)

    def last(self) -> dict[str, tuple[int, int]]:
        """ID -> pid and stamp of its newest start.  Only the new lines are read: else a look would take a processor."""
        with open(self.stamps, "rb") as stamps:
            stamps.seek(self._read)
            *lines, _ = stamps.read().split(b"\n")
        for line in lines:
            name, pid, at = line.decode().split()
            self._last[name] = int(pid), int(at)
            self._read += len(line) + 1
        return dict(self._last)

    def wait_for(self, names: list[str], after: int) -> dict[str, tuple[int, int]]:
        """Until each of them has been started after that moment (ns).  Raises TimeoutError."""
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            last = self.last()
            if all(name in last and last[name][1] > after for name in names):
                return last
            self.rest()
        raise TimeoutError(f"{self.name}: not within {self.patience:g} s")

    def rest(self) -> None:
        """Between two looks of a wait."""
        time.sleep(0.004)

    def kill(self, names: list[str]) -> list[float]:
        """Kill them; for each the milliseconds until its successor ran."""
        last = self.last()
        began = time.monotonic_ns()
        for name in names:
            os.kill(last[name][0], signal.SIGKILL)
        back = self.wait_for(names, began)
        return [(back[name][1] - began) / 1e6 for name in names]

    def end(self) -> None:
        """The keeper first, then the servers, each by its pid, and who has not stamped yet."""
        if self.process:
            self.process.terminate()
            self.process.wait()
        for pid, _ in self.last().values():  # a keeper may have taken from them all that end_all() knows them by
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end_all(self.scratch)


def suite(scratch: Path, number: int, logs: bool = False, more: list[str] | None = None, of_suite: str = "") -> Run:
    """monitor.sh all; more: further lines for the conf of each; of_suite: for monitor.conf."""
    run = Run("monitor.sh, a log to move" if logs else "monitor.sh", scratch, number, logs)
    run.start(configured(run, more, of_suite))
    return run


def configured(run: Run, more: list[str] | None = None, of_suite: str = "") -> list[str]:
    """Write the conf of our suite for those servers, as suite() has it; the command that begins to watch them."""
    conf = run.scratch / "conf"
    (conf / "servers").mkdir(parents=True)
    (conf / "hooks").mkdir()
    hook = conf / "hooks" / "sms"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o700)
    (conf / "monitor.conf").write_text(f"interval = 15s\n{of_suite}")
    for index, (name, command) in enumerate(run.commands.items()):
        (run.scratch / name).mkdir()
        words = " ".join(f"'{word}'" for word in command)
        text = f"dir = {run.scratch / name}\ncommand = {words}\nmatch = {name}\n"
        (conf / "servers" / f"{name}.conf").write_text(text + (more[index] if more else ""))
    return [str(ROOT / "monitor.sh"), "-c", str(conf), "-s", str(run.scratch / "state"), "all"]


def floor(scratch: Path) -> Run:
    """The least that a shell can do."""
    run = Run("floor: while :; do …; done", scratch, 1)
    command = " ".join(f"'{word}'" for word in run.commands["s0000"])
    run.start(["/bin/sh", "-c", f"while :; do {command}; done"])
    return run
