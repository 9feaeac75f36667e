"""What each server printed last before it ended: for history, for its alerts, and for the reason of a failed start.

At a death we only note where the output ends.  We read it when its successor is on its way, or an alert asks for it
(watch/words.py, which is loaded then).
"""

from __future__ import annotations

from base.clock import boot_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Supervisor
    from loop.leftovers import Dead
    from proc.server import Server
    from watch.elsewhere import Where
    from watch.kept_output import KeptOutput
    from watch.words import Words

READ_AFTER_MS = 20  # a restart takes less


class Run:
    """A run whose words are to be read.

    begin, end: where they are in our log; began: where in a file of its own; pid, as text; incident; ticks: when it
    began, and seconds: when it had ended, since boot.
    """

    __slots__ = ("began", "begin", "end", "incident", "pid", "seconds", "server", "ticks")

    def __init__(self, server: Server, where: tuple[int, int], pid: str, incident: str, ticks: int) -> None:
        self.server = server
        self.begin, self.end = where
        self.began = server.launch.output_began
        self.pid = pid
        self.incident = incident
        self.ticks = ticks
        self.seconds = boot_seconds()

    def elsewhere(self) -> Where:
        """What a child must know to read them.  The next run may have begun: what that wrote is not this one's."""
        server = self.server
        is_over = server.pid != 0 and server.ticks != self.ticks
        end = server.launch.output_began if is_over else -1
        return self.ticks, self.seconds, (self.began, end), server.moved_logs > 0


class LastWords:
    """Of all servers.  host: reports them; kept: where they are."""

    def __init__(self, host: Supervisor, kept: KeptOutput) -> None:
        self._host = host
        self._kept = kept
        self._unread: dict[int, Run] = {}
        self._young: set[int] = set()  # servers whose last process had just been started
        self._known: Words | None = None

    def ended(self, server: Server, dead: Dead, incident: str, is_young: bool = False) -> None:
        """The process has ended: what it printed is to be read soon.

        is_young: it had just been started, so it may have waited in vain for its port: nginx does that for 2.5 s.
        """
        if self._known:
            self._known.forget(server.number)
        self._young.discard(server.number)
        if is_young:
            self._young.add(server.number)
        run = Run(server, self._kept.run_of(server), str(dead.pid), incident, dead.ticks)
        server.moved_logs = 0  # until its logs are moved at the next start
        if run.end > run.begin or server.logs or has_more(server):
            self._unread[server.number] = run
            # Owner None: a fault while reading must not count as one of the server
            self._host.loop.on_behalf(None, self._read_soon, run)

    def _read_soon(self, run: Run) -> None:
        self._host.loop.after(READ_AFTER_MS, lambda: self._words().read(run, is_time=True))

    def _words(self) -> Words:
        if not self._known:
            from watch.words import Words

            self._known = Words(self._host, self._kept, self._unread, self._young)
        return self._known

    def failed(self, server: Server, ticks: int, then: Callable[[str], None], said: str | None = None) -> None:
        """A start has failed: pass the reason that it printed to then, `: REASON`, and who has its port, or "".

        ticks: when the process that failed began, since boot; 0: there was none.  said: what start_pre printed.
        """
        server.moved_logs = 0
        self._words().failed(server, ticks, then, said)

    def not_started(self, server: Server, text: str) -> None:
        """A start has failed, for the reason that this text gives; it is being told, which opens its incident."""
        self._words().not_started(server, text)

    def reason(self, server: Server, later: Callable[[str], None]) -> str:
        """Why it does not run: `: REASON`, or "".  later: gets it if it is not known yet."""
        return self._words().reason(server, later)

    def short_reason(self, server: Server, event: str) -> str:
        """For an alert: why the server does not run, without the fact that it has ended; "" if we do not know that."""
        return self._words().short_reason(server, event)

    def for_alert(self, server: Server, event: str, incident: str) -> str:
        """The text that an alert brings along.  "": there is none yet; then its delivery looks at state/printed.py."""
        return self._words().for_alert(server, event, incident)


def has_more(server: Server) -> bool:
    """May it have written something that is not in a log of ours?

    A look costs a fork, which makes our memory copy-on-write, and the next restart pays for that.  So a server whose
    restart moved no log, and that has no file of its own, costs none.
    """
    if not server.launch.output.startswith("/dev/") or "private" in server.launch.settings:
        return True
    return bool(server.logs) and (server.moved_logs > 0 or not server.pid)


def sentence(message: str, reason: str, remedy: str) -> str:
    """What status says of a server that stays down.  reason: of LastWords.reason(); a failed start has it already."""
    told = message if message.endswith(reason) else message + reason
    return f"{told}; {remedy}" if remedy else told
