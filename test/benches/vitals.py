"""What do heartbeats and checks cost, ours and those of monit?"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from benches.keeping import Run, suite
from benches.spending import spend


def vitals(scratch: Path, number: int, seconds: int) -> None:
    """A heartbeat file and a TCP port for each server, all healthy: ours and monit's look every 15 s."""
    ports, beating = healthy(scratch, number)
    lines = [
        f"heartbeat = file {scratch}/beat{index}\ncheck = http http://127.0.0.1:{port}/\n"
        for index, port in enumerate(ports)
    ]
    run = suite(scratch, number, more=lines)
    keepers = [run.process] if run.process else []
    if shutil.which("monit"):
        keepers.append(monit(run, ports))
    try:
        time.sleep(20)
        spend(keepers, seconds, number)
    finally:
        for keeper in keepers[1:]:
            keeper.terminate()
        run.end()
        os.kill(beating, signal.SIGKILL)


def monit(run: Run, ports: list[int]) -> subprocess.Popen[bytes]:
    """The same servers under monit: process, port, and age of the file."""
    text = [f"set daemon 15\nset pidfile {run.scratch}/monit.pid\nset idfile {run.scratch}/monit.id\n"]
    text.append(f"set statefile {run.scratch}/monit.state\n")
    for index, (name, (pid, _)) in enumerate(sorted(run.last().items())):
        (run.scratch / f"{name}.pid").write_text(f"{pid}\n")
        text.append(
            f"check process {name} with pidfile {run.scratch}/{name}.pid\n"
            f"  if failed host 127.0.0.1 port {ports[index]} protocol http with timeout 5 seconds then alert\n"
            f"check file beat{index} with path {run.scratch.parent}/beat{index}\n"
            f"  if timestamp > 30 seconds then alert\n"
        )
    conf = run.scratch / "monitrc"
    conf.write_text("".join(text))
    conf.chmod(0o600)
    with open(run.scratch / "monit.out", "wb") as out:
        return subprocess.Popen(["monit", "-I", "-c", str(conf)], stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def healthy(scratch: Path, number: int) -> tuple[list[int], int]:
    """A process that beats into so many files and answers HTTP on so many ports: the ports, and its pid."""
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in listening]
    pid = os.fork()
    if pid == 0:
        beat_and_answer(scratch, listening)
    for one in listening:
        one.close()
    return ports, pid


def beat_and_answer(scratch: Path, listening: list[socket.socket]) -> None:
    """For ever."""
    while True:
        for index in range(len(listening)):
            (scratch / f"beat{index}").touch()
        until = time.monotonic() + 5
        while (rest := until - time.monotonic()) > 0:
            for one in select.select(listening, [], [], rest)[0]:
                caller, _ = one.accept()
                with caller:
                    caller.recv(4096)
                    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
