"""What does a live table on a terminal cost?"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import random
import select
import signal
import struct
import termios
import time
from pathlib import Path

from benches.keeping import ROOT, suite
from benches.spending import cost, pss


def top(scratch: Path, number: int, seconds: int) -> None:
    """What top costs on a terminal of 120x40, also while the servers die one after another."""
    run = suite(scratch, number)
    conf, state = run.scratch / "conf", run.scratch / "state"
    pid, screen = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.environ["TERM"] = "xterm-256color"
        os.execv(ROOT / "monitor.sh", ["monitor.sh", "-c", str(conf), "-s", str(state), "top"])
    try:
        drawn(screen, 10)
        for what, deaths in (("nothing happens", 0), ("1 dies each second", 1), ("10 die each second", 10)):
            before, drawn_before, began = cost(pid)[0], drawn(screen, 0.1), time.monotonic()
            for _ in range(seconds):
                last = run.last()
                for name in random.sample(run.ids, deaths):
                    with contextlib.suppress(ProcessLookupError):  # on a busy machine it is not back yet
                        os.kill(last[name][0], signal.SIGKILL)
                drawn_before += drawn(screen, 1)
            took = time.monotonic() - began
            share = (cost(pid)[0] - before) / 1e7 / took
            print(
                f"top: {number} servers, {what}: {share:.1f} % of a core, {drawn_before / took / 1000:.1f} kB/s drawn, "
                f"PSS {pss(pid) / 1024:.1f} MiB"
            )
    finally:
        os.write(screen, b"q")
        os.waitpid(pid, 0)
        run.end()


def drawn(screen: int, seconds: float) -> int:
    """Read what is drawn there in that time; how many bytes."""
    deadline, size = time.monotonic() + seconds, 0
    while select.select([screen], [], [], max(deadline - time.monotonic(), 0))[0]:
        size += len(os.read(screen, 1 << 16))
    return size
