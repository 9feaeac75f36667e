"""Have the file of `metrics = FILE` written every interval, by a child: metrics.py, which collects and writes.

This process only notes what no one else knows (state/findings.py).  It begins no child while the last one is there, so
a file system that does not answer costs one process, and the file grows old: that is how Prometheus sees it.
"""

from __future__ import annotations

import os
import sys
import time

from base.suite import PROGRAMS
from state import findings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from state.findings import Finding
    from watch.watcher import Watcher

PATIENCE_MS = 60_000
AGAIN = "; tried again every interval"
MOST_REMARKS = 3  # in one message


class Metrics:
    """The writer of one monitor.  passed() is called at the end of each interval, and after the first look."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._file = watcher.suite["metrics"]
        self._words = [watcher.state_dir, watcher.run_dir, self._file]
        self._is_running = False
        self._said = ""

    def passed(self) -> None:
        """All evidence has been looked at: note that, and have the file written."""
        try:
            findings.write(self._watcher.run_dir, self._found())
            if not self._is_running:
                self._begin()
        except OSError as error:
            self._say(f"{error.strerror}{AGAIN}")

    def _found(self) -> Iterator[Finding]:
        yield findings.MONITOR, "last_pass_timestamp_seconds", time.time()
        for life in self._watcher.lives:
            for vital in life.health.vitals if life.server.pid else ():
                for name, value in vital.figures():
                    yield life.server.kept_in, name, value

    def _begin(self) -> None:
        told, tell = os.pipe()
        try:
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-E", "-s", f"{PROGRAMS}/metrics.py", "write", *self._words],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    *((os.POSIX_SPAWN_DUP2, tell, number) for number in (1, 2)),
                ],
                setsid=True,
            )
        except OSError:
            os.close(told)
            raise
        finally:
            os.close(tell)
        self._is_running = True
        patience = self._watcher.loop.after(PATIENCE_MS, lambda: self._late(pid))

        def ended(text: str) -> None:
            patience.cancel()
            self._is_running = False
            self._say("; ".join(text.split("\n")[:MOST_REMARKS]).rstrip("; "))

        self._watcher.loop.hear(pid, told, ended)

    def _late(self, pid: int) -> None:
        """It is our child and not reaped, so the number is its own."""
        self._say(f"{self._file} is not written within {PATIENCE_MS // 1000}s{AGAIN}")
        try:
            os.kill(pid, 9)
        except OSError:
            pass  # it has become the owner of the directory, and we are not root

    def _say(self, text: str) -> None:
        """Report a failure once, and its end once."""
        if text and not self._said:
            self._watcher.say(None, f"metrics: {text}")
        elif self._said and not text:
            self._watcher.say(None, f"metrics: {self._file} is written again")
        self._said = text
