"""The frames of a thread that crashed: gdb reads them from its core.  Runs in a child, as the server's user.

The core and the program are a stranger's, so gdb runs no script of theirs or of its user (-nx -nh, auto-load off), asks
no server for symbols, has a session of its own, little time, and writes no core itself.  For systemd-coredump,
coredumpctl(1) has the frames.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time

from base import last_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FRAMES = 20
SECONDS = 20.0
MOST = 16 << 10  # bytes of output
KEPT = 4096  # characters
LOWEST = 10  # nice(2)
PATH = "/usr/local/bin:/usr/bin:/bin"
SETTINGS = "set auto-load off,set debuginfod enabled off,set pagination off,set width 0".split(",")
NO_ARGUMENTS = "set print frame-arguments none".split(",")
GDB = [*"gdb -nx -nh -batch".split(), *(f"-iex={each}" for each in SETTINGS), f"-ex=backtrace {FRAMES}"]
STORAGE = "Storage: "
FIRST = "#0 "


def is_there(program: str) -> bool:
    """Is this program installed?"""
    return any(os.access(f"{directory}/{program}", os.X_OK) for directory in PATH.split(":"))


def hide_arguments() -> None:
    """From now on show no arguments of functions: gdb cuts and quotes them, so secrets could not be starred."""
    GDB.extend(f"-iex={each}" for each in NO_ARGUMENTS)


def of_core(fd: int, program: str, secrets: Iterable[str] = ()) -> str:
    """The frames that gdb finds in the core with this descriptor; "" if it finds none.  program: what was executed."""
    os.set_inheritable(fd, True)
    return _frames(_said([*GDB, "-c", f"/proc/self/fd/{fd}", "-e", program, "-s", program], fd), secrets, is_last=True)


def by_coredumpctl(pid: int, secrets: Iterable[str] = ()) -> tuple[str, str]:
    """Where systemd-coredump has stored the core, and the frames; "" and "" if it has none.

    It works after the process has ended, so we ask again for a while.
    """
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        text = _said(["coredumpctl", "--no-pager", "-1", "info", str(pid)])
        if STORAGE in text:
            return text.partition(STORAGE)[2].split()[0], _frames(text, secrets, is_last=False)
        time.sleep(1)
    return "", ""


def _frames(text: str, secrets: Iterable[str], is_last: bool) -> str:
    """The frames from the first, or the last, innermost one on: gdb prints that once more before."""
    lines = last_words.text_of(text.encode("utf-8", "replace"), secrets=secrets).split("\n")
    starts = [at for at, line in enumerate(lines) if line.lstrip().startswith(FIRST)]
    return "\n".join(lines[starts[-1 if is_last else 0] :][: FRAMES + 2])[:KEPT] if starts else ""


def _said(words: list[str], fd: int = -1) -> str:
    """What this program prints within SECONDS, at most MOST bytes; then its session ends."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(LOWEST)
    environment = {"PATH": PATH, "HOME": "/", "LC_ALL": "C", "DEBUGINFOD_URLS": "", "SYSTEMD_COLORS": "0"}
    try:
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
            pass_fds=(fd,) if fd >= 0 else (),
        )
    except OSError:
        return ""
    try:
        return _read(child).decode("utf-8", "replace")
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except OSError:
            pass  # nothing of it is left
        child.wait()


def _read(child: subprocess.Popen[bytes]) -> bytes:
    import select

    assert child.stdout
    source, text, deadline = child.stdout.fileno(), b"", time.monotonic() + SECONDS
    while len(text) < MOST and select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(source, MOST)
        if not piece:
            break
        text += piece
    return text[:MOST]
