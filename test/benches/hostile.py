"""How fast are the servers of others back while some users are hostile?"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from benches.keeping import ROOT, Run

SERVERS, HOSTILE = 50, 5
USERS = [user for user in pwd.getpwall() if user.pw_uid][:10]
PATHS = "run/a.pid log*_1.txt log*.txt oldlog oldlog/log*.txt run/out.txt a.conf run/beat run .".split()


def hostile(scratch: Path, seconds: int, seed: int) -> None:
    """50 servers of 10 users, who have 5 each; the first server of five users is hostile, the others die at random."""
    dice = random.Random(seed)
    run = of_users(scratch)
    enemies, others = run.ids[:HOSTILE], run.ids[HOSTILE:]
    hanging = hang(run.scratch)
    until, number, times = time.monotonic() + seconds, 0, list[float]()
    busy: list[subprocess.Popen[bytes]] = []
    try:
        while time.monotonic() < until:
            number += 1
            if number % 20 == 1:
                for process in busy:
                    process.wait()
                busy = [attack(run, enemy, hanging, f"{seed}-{number}") for enemy in enemies]
            times += run.kill([dice.choice(settled(run, others))])
            time.sleep(dice.uniform(0, 0.1))
            if number % 20 == 0:
                strike(run, enemies)
    finally:
        for process in busy:
            process.wait()
        print_said(run)
        run.end()
        subprocess.run(["umount", "-l", str(run.scratch / "mnt")], check=False)
    times.sort()
    middle, high, most = times[len(times) // 2], times[len(times) * 99 // 100], times[-1]
    print(
        f"hostile: seed {seed}, {seconds} s, {len(times)} deaths of {len(others)} servers beside {HOSTILE} hostile ones"
    )
    print(f"from SIGKILL to the new process: p50 {middle:.2f} ms, p99 {high:.2f} ms, max {most:.2f} ms")


def settled(run: Run, names: list[str]) -> list[str]:
    """Those that have been up for a while: the end of a start is no death, and the next start waits."""
    while True:
        last = run.last()
        found = [name for name in names if time.monotonic_ns() - last[name][1] > 2e9]
        if found:
            return found
        time.sleep(0.1)


def of_users(scratch: Path) -> Run:
    """A monitor of them all; the directory of each belongs to its user."""
    scratch.chmod(0o755)
    run = Run("hostile", scratch, SERVERS)
    run.scratch.chmod(0o755)
    run.stamps.chmod(0o666)
    conf = run.scratch / "conf"
    (conf / "servers").mkdir(parents=True)
    (conf / "hooks").mkdir()
    hook = conf / "hooks" / "sms"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o700)
    (conf / "monitor.conf").write_text("interval = 1s\nbackoff = 0s 2s\n")
    for index, name in enumerate(run.ids):
        furnish(run, index)
        directory = run.scratch / f"home{index}" / name
        words = " ".join(f"'{word}'" for word in run.commands[name])
        text = f"dir = {directory}\ncommand = {words}\nmatch = {name}\nuser = {USERS[index % len(USERS)].pw_name}\n"
        text += "pid_from = own, pidfile run/a.pid, log log*_1.txt 2\noutput = run/out.txt\nneeds_file = a.conf\n"
        text += "heartbeat = file run/beat\nheartbeat_timeout = 1h\n"
        (conf / "servers" / f"{name}.conf").write_text(text)
    try:
        run.start([str(ROOT / "monitor.sh"), "-c", str(conf), "-s", str(run.scratch / "state"), "all"])
    except BaseException:
        run.end()
        raise
    return run


def furnish(run: Run, index: int) -> None:
    """The directory of that server is as it should be."""
    home = run.scratch / f"home{index}"
    shutil.rmtree(home, ignore_errors=True)
    directory = home / run.ids[index]
    (directory / "run").mkdir(parents=True)
    (directory / "a.conf").touch()
    (directory / "run" / "beat").touch()
    for path in (home, directory, directory / "run", directory / "a.conf", directory / "run" / "beat"):
        os.chown(path, USERS[index % len(USERS)].pw_uid, -1)


def hang(scratch: Path) -> str:
    """A path on a file system of FUSE that does not answer; "" where there can be none."""
    if not os.access("/dev/fuse", os.W_OK):
        return ""
    (scratch / "mnt").mkdir()
    (scratch / "shown").mkdir()
    fuse = [sys.executable, str(ROOT / "test/fixtures/fuse.py"), str(scratch / "shown"), str(scratch / "mnt")]
    process = subprocess.Popen(fuse, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    os.kill(process.pid, signal.SIGSTOP)
    return str(scratch / "mnt" / "x")


def attack(run: Run, name: str, hanging: str, seed: str) -> subprocess.Popen[bytes]:
    """Its user puts something in the place of its files: see fixtures/hostile.py."""
    index = run.ids.index(name)
    furnish(run, index)
    directory = str(run.scratch / f"home{index}" / name)
    victim = str(run.last()[run.ids[-1]][0])
    words = [f"{seed}-{name}", directory, str(run.stamps), hanging, "1000", victim, *PATHS]
    user = ["setpriv", f"--reuid={USERS[index % len(USERS)].pw_uid}", "--regid=65534", "--clear-groups", "--"]
    command = [*user, os.path.realpath(sys.executable), "-I", "-S", str(ROOT / "test/fixtures/hostile.py"), *words]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def strike(run: Run, names: list[str]) -> None:
    """Kill the hostile ones, those that run."""
    last = run.last()
    for name in names:
        try:
            os.kill(last[name][0], signal.SIGKILL)
        except ProcessLookupError:
            pass


def print_said(run: Run) -> None:
    """What must not be said."""
    faults = run.scratch / "state" / "faults.log"
    said = (run.scratch / "out").read_text(errors="replace")
    print(f"helpers that ended: {said.count('starting another')}, tracebacks: {said.count('Traceback')}")
    if faults.exists():
        print(faults.read_text())
