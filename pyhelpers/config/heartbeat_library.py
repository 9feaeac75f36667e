"""Where do servers with `heartbeat = shm` import sysv_ipc from?  Settled with their conf: the watcher seeks nothing."""

from __future__ import annotations

from base.exits import NOT_INSTALLED
from base.libraries import sysv_ipc_home, sysv_ipc_missing
from config import settle

HOME = "heartbeat_home"  # settled, but no key of conf


def find(settled: settle.Settled) -> None:
    """Settle it.  Raises settle.ConfError (5): nowhere."""
    asking = [server for server in settled.servers if server["heartbeat"] == ["shm"]]
    home = sysv_ipc_home() if asking else ""
    if asking and not home:
        need = f"heartbeat = shm: {sysv_ipc_missing()}"
        files = dict.fromkeys(server["conf_file"] for server in asking)
        raise settle.ConfError([f"{file}: {need}" for file in files], NOT_INSTALLED)
    for server in asking:
        server[HOME] = home
