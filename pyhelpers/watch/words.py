"""Read what servers printed last, and keep it: for history, for alerts, and for why a server does not run.

A child reads what is not in a log of ours.  A caller that needs it sooner gets it later.
"""

from __future__ import annotations

from watch.last_words import READ_AFTER_MS, Run, has_more

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop.host import Supervisor
    from proc.server import Server
    from watch.elsewhere import Elsewhere
    from watch.kept_output import KeptOutput

NO_PROCESS, OPEN = "null", "-"  # of a failed start: it belongs to the incident that is open in the shell
OF_THE_LIVING = ("hung", "limit")


class Words:
    """Of all servers.  unread: runs that have ended; young: see LastWords."""

    def __init__(self, host: Supervisor, kept: KeptOutput, unread: dict[int, Run], young: set[int]) -> None:
        self._host = host
        self._kept = kept
        self._unread = unread
        self._young = young
        self._elsewhere: Elsewhere | None = None
        self._texts: dict[int, str] = {}
        self._asked: dict[int, Callable[[str], None]] = {}
        self._reasons: dict[int, str] = {}  # of failed starts that history has already
        self._failed: dict[int, Run] = {}  # starts that have just failed
        self._failures: dict[int, tuple[str, str]] = {}  # why a server does not run, and how much of it it said itself

    def forget(self, number: int) -> None:
        """Another run of this server has ended."""
        for known in (self._texts, self._reasons, self._asked, self._failures):
            known.pop(number, None)

    def read(self, run: Run, is_time: bool = False) -> None:
        """Read it, unless that is done; what a child has to read only when it is time."""
        number = run.server.number
        if self._unread.get(number) is not run:
            return  # an alert has asked for it already, or the next run has ended
        text = self._kept.text(run.server, run.begin, run.end) if run.end > run.begin else ""
        if text or is_time:
            del self._unread[number]
        if text:
            self._know(run, text)
        elif is_time and has_more(run.server):
            self._read_elsewhere(run, lambda text: self._know(run, text))

    def _read_elsewhere(self, run: Run, then: Callable[[str], None]) -> None:
        if not self._elsewhere:
            from watch.elsewhere import Elsewhere

            self._elsewhere = Elsewhere(self._host)
        self._elsewhere.read(run.server, (run.begin, run.end), run.elsewhere(), then)

    def _know(self, run: Run, text: str) -> None:
        self._texts[run.server.number] = text
        if text:
            self._report(run, text)
            self._asked.pop(run.server.number, _nothing)(_behind(text))
        if run.server.number in self._young:
            self._look_for_port(run, text, lambda holder: self._had_no_port(run, text, holder))

    def _look_for_port(self, run: Run, text: str, then: Callable[[str], None]) -> None:
        """Pass `: port N is held by ...` to then, or "" if it is not for that that it has ended."""
        if not _may_want_port(text):
            then("")
            return
        from watch import port_taken

        port_taken.look(self._host, run.server, text, then)

    def _had_no_port(self, run: Run, text: str, holder: str) -> None:
        """It has died because another process has its port: say so, once, and show it as long as it is down."""
        server = run.server
        if not holder or self._texts.get(server.number) != text:
            return  # its successor has ended meanwhile
        why = f"{_behind(text)[2:]}{holder}"
        self._failures[server.number] = why, ""
        account = self._host.lives[server.number - 1].account
        account.say_all("port", [why])
        if server.state == "FATAL":
            said = _behind(text)[2:]
            server.message = server.message.replace(said, said + holder, 1)
            account.write()

    def _report(self, run: Run, text: str) -> None:
        from state import printed

        server = run.server
        try:
            printed.write(self._host.state_dir, server.kept_in, text, run.incident)
        except OSError:
            return  # a full disk; history would not take it either
        self._host.emit("printed", server, f"{run.pid} {run.incident} {server.kept_in}")

    def failed(self, server: Server, ticks: int, then: Callable[[str], None], said: str | None) -> None:
        """See LastWords, as of the next four."""
        run = Run(server, self._kept.run_of(server), NO_PROCESS, OPEN, ticks)
        text = self._kept.text(server, run.begin, run.end) if said is None else said
        if text or not ticks or not has_more(server):
            self._explain(run, text, then)
        else:
            self._read_elsewhere(run, lambda text: self._explain(run, text, then))

    def _explain(self, run: Run, text: str, then: Callable[[str], None]) -> None:
        self._texts[run.server.number] = text
        self._failed[run.server.number] = run
        self._look_for_port(run, text, lambda holder: then(_behind(text) + holder))

    def not_started(self, server: Server, text: str) -> None:
        """A start has failed, for the reason that this text gives; it is being told, which opens its incident."""
        number, run = server.number, self._failed.pop(server.number, None)
        printed = self._texts.get(number, "") if run else ""
        why = _behind(printed)
        self._failures[number] = text, why
        if run and why and self._reasons.get(number) != why:  # a start is tried again and again
            self._reasons[number] = why
            self._host.loop.after(READ_AFTER_MS, lambda: self._report(run, printed))

    def reason(self, server: Server, later: Callable[[str], None]) -> str:
        """Why it does not run: `: REASON`, or "".  later: gets it if it is not known yet."""
        if server.number in self._failures:
            return f": {self._failures[server.number][0]}"
        run = self._unread.get(server.number)
        if run:
            self.read(run)
        if server.number not in self._texts:
            self._asked[server.number] = later
        return _behind(self._texts.get(server.number, ""))

    def short_reason(self, server: Server, event: str) -> str:
        """For an alert: why the server does not run, without the fact that it has ended; "" if we do not know that."""
        text, said = self._failures.get(server.number, ("", ""))
        if event in OF_THE_LIVING or event == "recovery":
            return ""
        return text[text.index(said) + 2 :] if said and said in text else text

    def for_alert(self, server: Server, event: str, incident: str) -> str:
        """The text that an alert brings along.  "": there is none yet; then its delivery looks at state/printed.py."""
        if event == "recovery":
            return ""
        if event in OF_THE_LIVING and server.pid:
            return self._of_the_living(server, incident)
        run = self._unread.get(server.number)
        if run:
            self.read(run)
        return self._texts.get(server.number, "")

    def _of_the_living(self, server: Server, incident: str) -> str:
        run = Run(server, self._kept.run_of(server), str(server.pid), incident, server.ticks)
        text = self._kept.text(server, run.begin, run.end)
        if not text:
            self._read_elsewhere(run, lambda text: self._report(run, text) if text else None)
        return text


def _may_want_port(text: str) -> bool:
    """May it say that an address is in use?  base/busy_port.py knows, and is loaded only then."""
    small = text.lower()
    return "in use" in small or "addrinuse" in small or "98" in small


def _behind(text: str) -> str:
    if not text:
        return ""
    from base import last_words

    return f": {last_words.reason(text)}"


def _nothing(words: str) -> None:
    """No one has asked."""
