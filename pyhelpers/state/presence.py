"""Until when was a monitor there?  RUN_DIR/boot has the id of its boot, and, as its time, when it was seen last.

Its helper touches the file when it has looked at every server, and every interval from then on (watch/watcher.py).  The
time of the directory is not that: the kernel takes it from a clock that is some milliseconds behind, so it could lie
before the line of the history that tells what the monitor watches.
"""

from __future__ import annotations

import os


def seen_last(run_dir: str) -> tuple[str, float]:
    """The letters of its boot id, and Unix seconds.  Raises OSError, ValueError: it never began, or ended in order."""
    with open(f"{run_dir}/boot", encoding="ascii") as file:
        boot = file.read()
        if not boot:
            raise ValueError(run_dir)
        return boot, os.fstat(file.fileno()).st_mtime
