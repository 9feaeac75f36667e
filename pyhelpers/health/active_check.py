"""Does a server that lives and listens do its work?  Ask it, again and again: check = tcp, http or command.

While the server starts, we ask it at growing pauses, and it counts as started after the first good answer.  Then we ask
it once in check_every, and report it as hung after check_failures failures in a row.  Each server has its own time in
the period, so that we do not ask many at once.  Hundreds of probes may run at the same time: a probe never blocks, the
loop calls it, and a slow one delays only itself.
"""

from __future__ import annotations

import time

from config import settled
from health.vitals import Vital
from loop.deadline import Patience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from health.accepted import Accepted
    from health.connect import Call
    from health.probe_command import CommandProbe
    from health.probe_http import HttpProbe
    from health.probe_tcp import TcpProbe
    from loop.host import Followed
    from loop.loop import Timer

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 10.0, 500.0  # of a server that starts
LONGEST_REST_MS = 2000.0
ANOTHER = "another process that has its socket has answered"
TOGETHER, TOGETHER_AT_MOST = 1.0, 5  # seconds: servers that are due in the same slot share a wake-up; slots a period
GOLDEN = 0.618034  # the fractional parts of its multiples are spread evenly, however many there are


class Check(Vital):
    """The check of one server.  Its probe uses loop, and calls passed(), failed() or unable()."""

    def __init__(self, life: Followed) -> None:
        super().__init__(life)
        asked = life.server.vital
        self._every = int(asked["check_every"]) / 1000
        self._timeout = int(asked["check_timeout"])
        self._most = int(asked["check_failures"])
        self._probe = _probe(self, settled.elements(asked["check"]))
        self._patience: Patience | None = None
        self._timer: Timer | None = None
        self._reached: Accepted | None = None
        self._reset()

    def _reset(self) -> None:
        self._is_serving = self._is_good = self._is_told = self._is_well = False
        self._failures = 0
        self._pause = FIRST_PAUSE_MS
        self._due = self._asked = 0.0
        self._took = -1.0  # seconds, of the last answer; less than 0: there was none
        self._words = ""

    def _name(self) -> str:
        return f"check {self._probe.name()}"

    # -- the server's life -----------------------------------------------------------------------

    def begin(self, fresh: bool) -> None:
        """A new process is followed: start afresh."""
        self.end()
        self._reset()
        self._is_told = self.life.health.is_reported("hung")

    def missing(self) -> str:
        """The first good answer, if it has not come yet."""
        if self._is_good:
            return ""
        if not self._timer and not self._patience:
            self._look()
        return f"{self._name()} does not succeed ({self._words or 'not answered yet'})"

    def serving(self) -> None:
        """It is RUNNING: ask it once a period from now on, at its own time in the period."""
        self.end()
        self._is_serving = True
        step = min(TOGETHER, self._every / TOGETHER_AT_MOST)
        turn = time.monotonic() + self.life.server.number * GOLDEN % 1 * self._every
        self._due = (turn // step + 1) * step
        self._wait_for_due()

    def ask_again(self) -> None:
        """Ask it as while it starts: the first good answer counts."""
        self.end()
        self._is_serving = self._is_good = False
        self._pause = FIRST_PAUSE_MS
        self._words = ""

    def goes_on(self) -> None:
        """Ask it once a period again; what it fails now counts."""
        if not self._is_serving:
            self.serving()

    def end(self) -> None:
        """Stop asking."""
        self._rest()
        self._probe.end()

    def _rest(self) -> None:
        if self._reached:
            self._reached.end()
            self._reached = None
        if self._patience:
            self._patience.end()
            self._patience = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    # -- whose answer ----------------------------------------------------------------------------

    def when_ours(self, call: Call | None, port: int, then: Callable[[str], None]) -> None:
        """Call then when the server has accepted this connection; it gets why not, if another process has.

        Behind a port that is none of its sockets, anything may answer for it.
        """
        ends = self.life.server.ends
        if not call or not ends or not (ends.shares() or self.is_beside) or port not in ends.ports():
            then("")
            return
        from health.accepted import Accepted

        self.loop.ignore(call.socket.fileno())
        self._reached = Accepted(self, call.socket, then)

    def of_ours(self, words: str) -> str:
        """What is wrong with the answer to that connection, "" if nothing; ANOTHER if it is not the server's own."""
        return self._reached.judge(words) if self._reached else words

    # -- one look --------------------------------------------------------------------------------

    def _look(self) -> None:
        self._timer = None
        self._asked = time.monotonic()
        self._patience = Patience(self.loop, self._timeout, self._silent)
        self._probe.begin()

    def _silent(self) -> None:
        awaited = self._probe.awaited
        self._probe.end()
        self.failed(f"no {awaited} within {self._timeout / 1000:g}s")

    def figures(self) -> tuple[tuple[str, float], ...]:
        """How the last answer was, and how long it took."""
        if self._took < 0:
            return ()
        return ("check_success", float(self._is_well)), ("check_duration_seconds", self._took)

    def _answered(self, is_well: bool) -> None:
        self._is_well, self._took = is_well, time.monotonic() - self._asked

    def passed(self) -> None:
        """The probe's answer: the server is well."""
        self._answered(True)
        self.life.account.say_all("check", [])
        self.life.health.remark(self, "")
        if self._is_told:
            self.life.health.cleared("hung", f"no more: {self._name()} succeeds")
        self._failures, self._is_told = 0, False
        self._let_go_on()

    def failed(self, words: str) -> None:
        """The probe's answer: the server is not well; words: why."""
        if words == ANOTHER:
            self._pause = FIRST_PAUSE_MS
            if self._is_serving:
                self._look_later()  # that proves nothing about it
                return
        assert self._patience
        self._answered(False)
        away = self._patience.was_away()
        self._look_later()
        self._words = words
        if not self._is_serving:
            self.life.health.remark(self, f"{self._name()}: {words}")
        elif not away:  # a failure while we stood still ourselves proves nothing
            self._failures += 1
            self._tell(words)

    def _tell(self, words: str) -> None:
        count = f"{self._failures} of {self._most}" if self._failures < self._most else "hung"
        self.life.health.remark(self, f"{self._name()}: {words} ({count})")
        if self._failures >= self._most and not self._is_told:
            self._is_told = True
            times = f" {self._failures} times" if self._failures > 1 else ""
            self.life.health.hung(f"{self._name()} failed{times}: {words}")

    def unable(self, words: str) -> None:
        """The probe's answer: it cannot ask; words: why.  That proves nothing about the server."""
        self.life.account.say_all("check", [f"{self._name()} cannot be made: {words}"])
        self._let_go_on()

    # -- the next look ---------------------------------------------------------------------------

    def _let_go_on(self) -> None:
        """The server is well as far as we know: if it starts, it has started; if it runs, ask again later."""
        if self._is_serving:
            self._look_later()
        else:
            self._rest()
            self._is_good = True
            self.life.look_now()

    def _look_later(self) -> None:
        self._rest()
        now = time.monotonic()
        if self._is_serving:
            self._due += self._every * max(1.0, (now - self._due) // self._every + 1)  # skip the looks that we missed
            self._wait_for_due()
        else:
            took = (now - self._asked) * 1000  # checks must not slow down many servers that start at once
            self._timer = self.loop.after(max(self._pause, min(2 * took, LONGEST_REST_MS)), self._look)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_MS)

    def _wait_for_due(self) -> None:
        self._timer = self.loop.after((self._due - time.monotonic()) * 1000, self._look)


def _probe(check: Check, words: list[str]) -> TcpProbe | HttpProbe | CommandProbe:
    """The probe that the key `check` names; we import its module only now."""
    kind, *rest = words
    if kind == "tcp":
        from health.probe_tcp import TcpProbe

        return TcpProbe(check)
    if kind == "command":
        from health.probe_command import CommandProbe

        return CommandProbe(check, rest)
    from base import url

    asked, wanted = url.parse(rest[0]), int(rest[1] or 0)
    if asked.needs_curl():
        from health.probe_command import CurlProbe

        return CurlProbe(check, asked.text, wanted, int(check.life.server.vital["check_timeout"]) / 1000)
    from health.probe_http import HttpProbe

    return HttpProbe(check, asked, wanted)
