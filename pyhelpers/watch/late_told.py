"""Tell people that the monitor is late, once, and when that is over; see watch/lag.py."""

from __future__ import annotations

import os

from base.clock import boot_seconds
from config import settled
from watch import lag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from loop.loop import Loop
    from watch.shell_link import ShellLink

    class LagHost(Protocol):
        """What we need of the watcher."""

        run_dir: str
        boot: str
        interval_ms: int
        loop: Loop
        shell: ShellLink

        def say(self, server: None, text: str) -> None: ...

    class LagPost(Protocol):
        """What we need of what queues alerts."""

        def queue(self, fields: dict[str, str]) -> None: ...


def tell(host: LagHost, post: LagPost, is_late: bool, turn: float, mailbox: float, late: float) -> None:
    """Print it, and alert all hooks.  turn, mailbox, late: seconds, as state/lag.py."""
    if not is_late:
        host.say(None, "the monitor is in time again")
        return
    text = f"the monitor is late: {_words(turn, mailbox, late)}"
    host.say(None, f"{text}; ./monitor.sh status --guard has the figures")
    incident = f"monitor-{os.getppid()}-{host.boot[:8]}-{boot_seconds():.0f}"
    for fields in _for_hooks(host.run_dir, incident, f"{os.uname().nodename}: {text}"):
        post.queue(fields)


def _for_hooks(run_dir: str, incident: str, message: str) -> Iterator[dict[str, str]]:
    """The fields of the alert, for each hook of any server.  Raises OSError."""
    hooks: set[str] = set()
    for _, settings in settled.read(f"{run_dir}/settled"):
        hooks.update(settled.elements(settings.get("alert", "")))
    fields = {"incident": incident, "event": "lag", "server": "monitor", "message": message, "action": "none"}
    for hook in sorted(hooks):
        yield {**fields, "hook": hook, "hooks": ",".join(sorted(hooks))}


def _words(turn: float, mailbox: float, late: float) -> str:
    found = []
    if turn > lag.LOOP:
        found.append(f"one event kept the others waiting for {turn:.0f}s")
    if mailbox > lag.MAILBOX:
        found.append(f"its shell has read nothing for {mailbox:.0f}s")
    if late > lag.LATE:
        found.append(f"it did not look at its servers for {late:.0f}s")
    return ", ".join(found)
