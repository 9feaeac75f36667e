"""Runs files of bats, several at a time, each with its own variables and shell."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proofs import tap
from proofs.given import ROOT, Given
from scratch import begin

SHELLS = ("dash", "bash", "busybox ash", "mksh", "yash")
REST = 0.1  # seconds between two looks at what runs


@dataclass(frozen=True)
class Run:
    """One run of one file.

    shell: that runs monitor.sh.  title: of the one test to run; "" for all.  settings: its variables.
    """

    file: str
    shell: str = "dash"
    title: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.file} {self.shell} {self.title}".rstrip()

    def pattern(self) -> list[str]:
        """The words by which bats runs its title alone."""
        return ["-f", f"^{re.escape(self.title)}$"] if self.title else []

    def again(self) -> str:
        """The command that runs it again."""
        said = " ".join(f"{key}={shlex.quote(value)}" for key, value in self.settings.items())
        words = shlex.join([*self.pattern(), f"test/{self.file}"])
        return f"{said} TEST_SHELL={shlex.quote(self.shell)} bats {words}"


@dataclass
class Played:
    """A run that has ended; wrong: a sentence for each fault, with the way to run it again."""

    run: Run
    tap: tap.Tap
    wrong: list[str]


def play(runs: Sequence[Run], given: Given) -> list[Played]:
    """Run them all, given.jobs at a time; their TAP is kept in given.out."""
    waiting, done = list(enumerate(runs)), []
    going: list[tuple[Run, Path, subprocess.Popen[bytes]]] = []
    while waiting or going:
        while waiting and len(going) < given.jobs:
            number, run = waiting.pop(0)
            path = given.out / f"{given.word}-{number + 1}.tap"
            going.append((run, path, _start(run, path, given.scratch)))
        ended = [each for each in going if each[2].poll() is not None]
        going = [each for each in going if each not in ended]
        done += [_played(run, path, process.returncode) for run, path, process in ended]
        time.sleep(0 if ended else REST)
    return done


def _start(run: Run, path: Path, scratch: Path) -> subprocess.Popen[bytes]:
    shared = scratch / "shared"  # compiled fixtures, and who has which port
    variables = {"TEST_SHARED": str(shared), "TEST_SHELL": run.shell, **run.settings}
    words = ["bats", "--tap", *run.pattern(), str(ROOT / "test" / run.file)]
    path.unlink(missing_ok=True)
    return begin(words, scratch, path, variables)


def _played(run: Run, path: Path, status: int) -> Played:
    read = tap.read(path.read_text(encoding="utf-8", errors="replace"))
    return Played(run, read, [f"{run}: {what} (see {path.name}; {run.again()})" for what in read.wrong(status)])


def missing(shells: Sequence[str]) -> Iterator[str]:
    """A sentence for each shell that is not here: what it would have shown is not shown."""
    for shell in shells:
        if not shutil.which(shell.split()[0]):
            yield f"{shell} is not here"


def titles(file: str) -> list[str]:
    """Of the tests in that file."""
    text = (ROOT / "test" / file).read_text(encoding="utf-8")
    return re.findall(r"^@test \"(.*)\" \{$", text, re.M)
