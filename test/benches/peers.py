"""Other programs that keep servers up, each by a function that writes its configuration and returns its command.

To add one: such a function, and a line in PEERS.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benches.keeping import ROOT, Run, configured


class Peer(NamedTuple):
    """Something that keeps servers up.

    program: must be installed.  version: a command that prints it.  command: writes the configuration for a run, and
    returns the words that begin; each server is to be started by the words that it is given.
    forks: what must stand before a server that forks by itself; "" nothing; None: it cannot keep one up.
    forks_only: it keeps up no other.  most: so many servers it takes; launches: so many it starts in a bearable time.
    """

    name: str
    program: str
    version: str
    command: Callable[[Run, dict[str, str]], list[str]]
    forks: str | None = None
    forks_only: bool = False
    most: int = 10**9
    launches: int = 10**9

    def missing(self, forking: bool = False) -> str:
        """The program that is not here, or ""."""
        wanted = [self.program, self.forks or ""] if forking else [self.program]
        return next((program for program in wanted if program and not shutil.which(program)), "")

    def words(self, run: Run, forking: bool) -> dict[str, str]:
        """How each server of that run is started, as shell words, by its id."""
        before = f"{shutil.which(self.forks)} " if forking and self.forks else ""
        return {i: before + " ".join(f"'{word}'" for word in command) for i, command in run.commands.items()}

    def says(self) -> str:
        """Its version, or ?."""
        try:
            said = subprocess.run(self.version.split(), check=True, capture_output=True, text=True).stdout.split()
        except (OSError, subprocess.CalledProcessError):
            return "?"
        return next((word for word in said if word[:1].isdigit()), "?")


def runit(scratch: Path) -> Run:
    """runsv, of runit."""
    run = Run("runit (runsv)", scratch, 1)
    service = run.scratch / "service"
    service.mkdir()
    words = " ".join(f"'{word}'" for word in run.commands["s0000"])
    executable(service / "run", f"exec {words}\n")
    run.start(["runsv", str(service)])
    return run


def executable(path: Path, text: str) -> str:
    """Write a shell script; its path."""
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return str(path)


def _loops(run: Run, words: dict[str, str]) -> list[str]:
    loops = [executable(run.scratch / f"{i}.sh", f"while :; do {command}; done\n") for i, command in words.items()]
    begun = "".join(f"{loop} &\n" for loop in loops[:-1])
    return [executable(run.scratch / "loops.sh", f"{begun}exec {loops[-1]}\n")]


def _ours(run: Run, words: dict[str, str]) -> list[str]:
    forking = any("-d" in command for command in run.commands.values())
    return configured(run, [f"pid_from = pidfile {pidfile(run, i)}\n" for i in run.ids] if forking else None)


def pidfile(run: Run, name: str) -> Path:
    """Where that server writes its pid, if it forks by itself."""
    return run.scratch / f"{name}.pid"


def _scan_directory(run: Run, words: dict[str, str]) -> str:
    top = run.scratch / "services"
    for name, command in words.items():
        (top / name).mkdir(parents=True)
        executable(top / name / "run", f"exec {command}\n")
    os.utime(top, (time.time() - 60, time.time() - 60))  # runsvdir waits while the directory is young
    return str(top)


def _monit(run: Run, words: dict[str, str]) -> list[str]:
    text = "set daemon 1\n" + "".join(f"set {kind}file {run.scratch}/monit.{kind}\n" for kind in ("pid", "id", "state"))
    for name, command in words.items():
        program = executable(run.scratch / f"{name}.sh", f"exec {command}\n")
        text += f'check process {name} with pidfile {pidfile(run, name)}\n  start program = "{program}"\n'
    conf = run.scratch / "monitrc"
    conf.write_text(text)
    conf.chmod(0o600)
    return ["monit", "-I", "-c", str(conf)]


def _supervisord(run: Run, words: dict[str, str]) -> list[str]:
    text = f"[supervisord]\nnodaemon=true\nlogfile={run.scratch}/log\npidfile={run.scratch}/pid\n"
    text += f"childlogdir={run.scratch}\nminfds={max(1024, 8 * len(words))}\n"
    for name, command in words.items():
        text += f"[program:{name}]\ncommand={command}\nautorestart=true\nstartretries=1000\n"
        text += "stdout_logfile=NONE\nstderr_logfile=NONE\n"
    conf = run.scratch / "supervisord.conf"
    conf.write_text(text)
    return ["supervisord", "-c", str(conf)]


def _package(name: str) -> str:
    return f"dpkg-query -W -f ${{Version}} {name}"


FLOOR, OURS = "floor", "monitor.sh"
PEERS = (
    Peer(FLOOR, "sh", "true", _loops),
    Peer(
        "daemontools",
        "svscan",
        _package("daemontools"),
        lambda run, words: ["svscan", _scan_directory(run, words)],
        forks="fghack",
        most=1000,
    ),
    Peer(
        "runit",
        "runsvdir",
        _package("runit"),
        lambda run, words: ["runsvdir", _scan_directory(run, words)],
        forks="fghack",
        most=1000,
    ),
    Peer(
        "s6",
        "s6-svscan",
        _package("s6"),
        lambda run, words: ["s6-svscan", "-c", "4000", _scan_directory(run, words)],
        forks="s6-fghack",
    ),
    Peer("monit", "monit", "monit -V", _monit, forks="", forks_only=True, launches=100),
    Peer("supervisord", "supervisord", "supervisord --version", _supervisord),
    Peer(OURS, str(ROOT / "monitor.sh"), f"{ROOT / 'monitor.sh'} -V", _ours, forks=""),
)
