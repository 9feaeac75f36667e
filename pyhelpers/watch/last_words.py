"""What each server printed last before it ended: for history, for its alerts, and for the reason of a failed start.

At a death we only note where the output ends.  We read it when its successor is on its way, or an alert asks for it.
What is not in a log of ours, a child reads; whoever needs it sooner is told later.
"""

from __future__ import annotations

from base.clock import boot_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Home
    from loop.leftovers import Dead
    from proc.server import Server
    from watch.elsewhere import Elsewhere, Where
    from watch.kept_output import KeptOutput

READ_AFTER_MS = 20  # a restart takes less
NO_PROCESS, OPEN = "null", "-"  # of a failed start: it belongs to the incident that is open in the shell
OF_THE_LIVING = ("hung", "limit")


class _Run:
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

    def __init__(self, host: Home, kept: KeptOutput) -> None:
        self._host = host
        self._kept = kept
        self._elsewhere: Elsewhere | None = None
        self._texts: dict[int, str] = {}
        self._unread: dict[int, _Run] = {}
        self._asked: dict[int, Callable[[str], None]] = {}
        self._reasons: dict[int, str] = {}  # of failed starts that history has already

    def ended(self, server: Server, dead: Dead, incident: str) -> None:
        """The process has ended: what it printed is to be read soon."""
        for known in (self._texts, self._reasons, self._asked):
            known.pop(server.number, None)
        run = _Run(server, self._kept.run_of(server), str(dead.pid), incident, dead.ticks)
        server.moved_logs = 0  # until its logs are moved at the next start
        if run.end > run.begin or server.logs or _has_more(server):
            self._unread[server.number] = run
            self._host.loop.after(READ_AFTER_MS, lambda: self._read(run, is_time=True))

    def _read(self, run: _Run, is_time: bool = False) -> None:
        """Read it, unless that is done; what a child has to read only when it is time."""
        number = run.server.number
        if self._unread.get(number) is not run:
            return  # an alert has asked for it already, or the next run has ended
        text = self._kept.text(run.server, run.begin, run.end) if run.end > run.begin else ""
        if text or is_time:
            del self._unread[number]
        if text:
            self._know(run, text)
        elif is_time and _has_more(run.server):
            self._read_elsewhere(run, lambda text: self._know(run, text))

    def _read_elsewhere(self, run: _Run, then: Callable[[str], None]) -> None:
        if not self._elsewhere:
            from watch.elsewhere import Elsewhere

            self._elsewhere = Elsewhere(self._host)
        self._elsewhere.read(run.server, run.elsewhere(), then)

    def _know(self, run: _Run, text: str) -> None:
        self._texts[run.server.number] = text
        if text:
            self._report(run, text)
            self._asked.pop(run.server.number, _nothing)(_behind(text))

    def _report(self, run: _Run, text: str) -> None:
        from state import printed

        server = run.server
        try:
            printed.write(self._host.state_dir, server.kept_in, text, run.incident)
        except OSError:
            return  # a full disk; history would not take it either
        self._host.emit("printed", server, f"{run.pid} {run.incident} {server.kept_in}")

    def failed(self, server: Server, ticks: int, then: Callable[[str], None]) -> None:
        """A start has failed: pass the reason that it printed to then, `: REASON`, or "".

        ticks: when the process that failed began, since boot; 0: there was none.
        """
        server.moved_logs = 0
        run = _Run(server, self._kept.run_of(server), NO_PROCESS, OPEN, ticks)
        text = self._kept.text(server, run.begin, run.end)
        if text or not ticks or not _has_more(server):
            then(self._known_failure(run, text))
        else:
            self._read_elsewhere(run, lambda text: then(self._known_failure(run, text)))

    def _known_failure(self, run: _Run, text: str) -> str:
        number, why = run.server.number, _behind(text)
        self._texts[number] = text
        if why and self._reasons.get(number) != why:  # a start is tried again and again
            self._reasons[number] = why
            self._host.loop.after(READ_AFTER_MS, lambda: self._report(run, text))
        return why

    def reason(self, server: Server, later: Callable[[str], None]) -> str:
        """Why its last process ended: `: REASON`, or "".  later: gets it if it is not known yet."""
        run = self._unread.get(server.number)
        if run:
            self._read(run)
        if server.number not in self._texts:
            self._asked[server.number] = later
        return _behind(self._texts.get(server.number, ""))

    def for_alert(self, server: Server, event: str, incident: str) -> str:
        """The text that an alert brings along.  "": there is none yet; then its delivery looks at state/printed.py."""
        if event == "recovery":
            return ""
        if event in OF_THE_LIVING and server.pid:
            return self._of_the_living(server, incident)
        run = self._unread.get(server.number)
        if run:
            self._read(run)
        return self._texts.get(server.number, "")

    def _of_the_living(self, server: Server, incident: str) -> str:
        run = _Run(server, self._kept.run_of(server), str(server.pid), incident, server.ticks)
        text = self._kept.text(server, run.begin, run.end)
        if not text:
            self._read_elsewhere(run, lambda text: self._report(run, text) if text else None)
        return text


def _has_more(server: Server) -> bool:
    """May it have written something that is not in a log of ours?

    A look costs a fork, which makes our memory copy-on-write, and the next restart pays for that.  So a server whose
    restart moved no log, and that has no file of its own, costs none.
    """
    if not server.launch.output.startswith("/dev/"):
        return True
    return bool(server.logs) and (server.moved_logs > 0 or not server.pid)


def _behind(text: str) -> str:
    if not text:
        return ""
    from base import last_words

    return f": {last_words.reason(text)}"


def sentence(message: str, reason: str, remedy: str) -> str:
    """What status says of a server that stays down.  reason: of LastWords.reason(); a failed start has it already."""
    told = message if message.endswith(reason) else message + reason
    return f"{told}; {remedy}" if remedy else told


def _nothing(words: str) -> None:
    """No one has asked."""
