"""Where is sysv_ipc, for servers with `heartbeat = shm`?  Settled with their conf, so the watcher need not search."""

from __future__ import annotations

from base.exits import NOT_INSTALLED
from base.libraries import sysv_ipc_home, sysv_ipc_missing
from config import settle

HOME = "heartbeat_home"  # a settled value, but no key of conf


def find(settled: settle.Settled) -> None:
    """Set HOME in each server with `heartbeat = shm`.  Raises settle.ConfError (5) if sysv_ipc is not installed."""
    asking = [server for server in settled.servers if server["heartbeat"] == ["shm"]]
    home = sysv_ipc_home() if asking else ""
    if asking and not home:
        need = f"heartbeat = shm: {sysv_ipc_missing()}"
        files = dict.fromkeys(server["conf_file"] for server in asking)
        raise settle.ConfError([f"{file}: {need}" for file in files], NOT_INSTALLED)
    for server in asking:
        server[HOME] = home
