"""Put alerts on disk, and run deliver.py, which passes them to the hooks, outside the loop.

Delivery runs in a session of its own; if it outlives us, it still delivers.
"""

from __future__ import annotations

import errno
import os
import sys

from base.suite import PROGRAMS
from state import spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server
    from watch.watcher import Watcher

DELIVER_AFTER_MS = 200  # one delivery for a burst of deaths, after we have answered them
AFTER_A_FAILURE_MS = 5000  # deliver.py did not get to its last line
LONGEST_WAIT = 9  # digits, of ms
MOST_KEPT = 1000  # in memory, while the disk is full
FIELDS = ("incident", "count", "pid", "cause", "action", "message")


class Post:
    """Queues the watcher's alerts.  alerts_dir: STATE_DIR/alerts."""

    def __init__(self, watcher: Watcher, alerts_dir: str, conf_dir: str) -> None:
        self._watcher = watcher
        self._alerts_dir = alerts_dir
        self._conf_dir = conf_dir
        self._unqueued: list[dict[str, str]] = []
        self._refused = False  # a full disk refused alerts, and we have reported that
        self._due = False  # a delivery will begin
        self._unbegun = False  # it could not begin, and we have reported that
        self._running = False
        self._again = False  # an alert was queued while a delivery ran
        self._next_ms = ""
        if watcher.suite.get("deadman"):
            from watch import deadman

            deadman.Deadman(watcher, watcher.suite["deadman"])

    def take(self, server: Server, rest: list[str]) -> None:
        """Queue one alert for each of its hooks; rest: EVENT HOOKS, and the values of FIELDS."""
        event, hooks, *values = rest
        fields = dict(zip(FIELDS, values), event=event, server=server.name, output="", reason="")
        if server.kept_in != server.name:
            fields.update(dir=server.place, kept_in=server.kept_in)
        self._watcher.loop.on_behalf(None, self._add_reason, server, fields)  # no fault over that loses the alert
        for hook in hooks.split(","):
            self.queue(dict(fields, hook=hook, hooks=hooks))

    def _add_reason(self, server: Server, fields: dict[str, str]) -> None:
        """Add what it printed, why it does not run, and where it crashed."""
        event = fields["event"]
        fields["output"] = self._watcher.last_words.for_alert(server, event, fields["incident"])
        why = fields["reason"] = self._watcher.last_words.short_reason(server, event)
        if why not in fields["message"]:
            fields["message"] += f": {why}"
        if server.core_keep:
            from watch import cores

            fields["core"], fields["backtrace"] = cores.of(self._watcher, server, event, fields["pid"])

    def catch_up(self) -> None:
        """Queue what a full disk refused."""
        unqueued, self._unqueued = self._unqueued, []
        for fields in unqueued:
            self.queue(fields)
        self._refused = bool(self._unqueued)

    def keep_over_exec(self) -> bytes:
        """What a full disk refused, for the next watcher in this process; b"" if nothing."""
        if not self._unqueued:
            return b""
        import json

        return json.dumps(self._unqueued).encode("utf-8")

    def take_over(self, kept: bytes) -> None:
        """Take over what keep_over_exec() returned."""
        if kept:
            import json

            self._unqueued = json.loads(kept)

    def queue(self, fields: dict[str, str]) -> None:
        """Queue one alert, with the fields of state/spool.py; keep it if a full disk refuses it."""
        try:
            spool.queue(self._alerts_dir, fields)
            self.deliver_soon()
        except (OSError, ValueError) as error:
            if isinstance(error, ValueError) or error.errno == errno.ENAMETOOLONG:
                self._watcher.say(None, f"alert not queued, its name cannot be a file's: {fields['incident']}")
                return
            if not self._refused:
                self._watcher.say(
                    None, f"alerts cannot be written: {error.strerror}; kept, and tried again every interval"
                )
            self._refused = True
            self._keep(fields)

    def _keep(self, fields: dict[str, str]) -> None:
        """Keep it in memory until there is room; if there are too many, drop the oldest that is no give-up."""
        self._unqueued.append(fields)
        if len(self._unqueued) > MOST_KEPT:
            quiet = [number for number, kept in enumerate(self._unqueued) if kept["event"] != "give_up"]
            del self._unqueued[quiet[0] if quiet else 0]

    def deliver_soon(self, wait_ms: float = DELIVER_AFTER_MS) -> None:
        """Begin a delivery after the wait, or after the one that runs."""
        if self._running:
            self._again = True
        elif not self._due:
            self._due = True
            self._watcher.loop.after(wait_ms, self._deliver)

    def _deliver(self) -> None:
        self._due = False
        try:
            if not os.listdir(f"{self._alerts_dir}/new"):
                return
        except FileNotFoundError:
            return
        except OSError:  # no descriptor, or no memory, is left
            self.deliver_soon(AFTER_A_FAILURE_MS)
            return
        try:
            self._begin()
        except OSError as error:  # too many processes, or someone is just replacing Python itself
            if not self._unbegun:
                self._watcher.say(None, f"alerts cannot be delivered: {error.strerror}; tried again every 5 s")
            self._unbegun = True
            self.deliver_soon(AFTER_A_FAILURE_MS)

    def _begin(self) -> None:
        told, tell = os.pipe()
        try:
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-E", "-s", f"{PROGRAMS}/deliver.py"]
                + ["run", "--settled", f"{self._watcher.run_dir}/settled", self._alerts_dir, self._conf_dir],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, tell, 1)],
                setsid=True,
            )
        except OSError:
            os.close(told)
            raise
        finally:
            os.close(tell)
        self._unbegun = False
        self._running, self._again, self._next_ms = True, False, str(AFTER_A_FAILURE_MS)
        self._watcher.loop.hear(pid, told, lambda rest: self._delivered(), self._hear_line)

    def _hear_line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "next" and (rest == "-" or (rest.isascii() and rest.isdigit() and len(rest) <= LONGEST_WAIT)):
            self._next_ms = rest
        else:
            self._watcher.emit("hook", None, line)

    def _delivered(self) -> None:
        self._running = False
        if self._again:
            self.deliver_soon()
        elif self._next_ms != "-":
            self.deliver_soon(float(self._next_ms))
