"""Have a report written every so often: `report = FILE every 5m`.

report.py does it, in a child with a low priority, so neither a long history nor a disk that does not answer delays the
loop.  We report a failure once, and its end once.  Loaded only if conf has the key.
"""

from __future__ import annotations

import os
import sys

from base.suite import PROGRAMS, ROOT
from config import settled
from loop.hand import kill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watch.watcher import Watcher

FIRST_AFTER_MS = 1000  # by then most servers run
PATIENCE_MS = 120_000
PRIORITY = 10  # nice(2)
MOST_LETTERS = 300
MOST_REFRESH = 86400  # seconds; see seeing/report_words.py


class Reporting:
    """The reports of the watcher, from the first look on.  setting: the file, and ms."""

    def __init__(self, watcher: Watcher, setting: str) -> None:
        self._watcher = watcher
        self._file, every = settled.elements(setting)
        self._every_ms = int(every)
        self._running = 0  # the pid of the child
        self._failed = False
        watcher.loop.after(FIRST_AFTER_MS, self._due)

    def _due(self) -> None:
        self._watcher.loop.after(self._every_ms, self._due)
        if self._running:
            return  # one at a time
        try:
            self._begin()
        except OSError as error:  # too many processes or descriptors
            self._heard(error.strerror or str(error))

    def _begin(self) -> None:
        told, tell = os.pipe()
        try:
            null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
            output = [(os.POSIX_SPAWN_DUP2, tell, number) for number in (1, 2)]
            pid = os.posix_spawn(sys.executable, self._command(), os.environ, file_actions=[null, *output])
        except OSError:
            os.close(told)
            raise
        finally:
            os.close(tell)
        self._running = pid
        try:
            os.setpriority(os.PRIO_PROCESS, pid, PRIORITY)
        except OSError:
            pass  # our priority is lower already
        timer = self._watcher.loop.after(PATIENCE_MS, self._late)

        def ended(text: str) -> None:
            timer.cancel()
            self._running = 0
            self._heard(text)

        self._watcher.loop.hear(pid, told, ended)

    def _command(self) -> list[str]:
        watcher = self._watcher
        place = [ROOT, watcher.conf_dir, watcher.state_dir, os.readlink(f"/proc/{watcher.monitor}/cwd")]
        refresh = str(min(max(self._every_ms // 1000, 1), MOST_REFRESH))
        words = ["--output", self._file, "--refresh", refresh]
        return [sys.executable, "-E", "-s", f"{PROGRAMS}/report.py", *place, *words]

    def _late(self) -> None:
        kill(self._running)
        self._say(f"it takes more than {PATIENCE_MS // 1000}s")

    def _heard(self, text: str) -> None:
        """The child has ended; text: why it wrote no report, or what conf lacks."""
        words = " ".join(text.split())[:MOST_LETTERS]
        if words:
            self._say(words)
        elif self._failed:
            self._failed = False
            self._watcher.say(None, "report: it is written again")

    def _say(self, why: str) -> None:
        if not self._failed:
            self._watcher.say(None, f"report: {why}; tried again at its time")
        self._failed = True
