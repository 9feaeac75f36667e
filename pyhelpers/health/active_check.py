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
    from health.probe_command import CommandProbe
    from health.probe_http import HttpProbe
    from health.probe_tcp import TcpProbe
    from loop.host import Followed
    from loop.loop import Timer

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 10.0, 500.0  # of a server that starts
LONGEST_REST_MS = 2000.0
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
        self._reset()

    def _reset(self) -> None:
        self._is_serving = self._is_good = self._is_told = False
        self._failures = 0
        self._pause = FIRST_PAUSE_MS
        self._due = self._asked = 0.0
        self._words = ""

    def _name(self) -> str:
        return f"check {self._probe.name()}"

    # -- the server's life -----------------------------------------------------------------------

    def begin(self, fresh: bool) -> None:
        """A new process is followed: start afresh."""
        self.end()
        self._reset()

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

    def end(self) -> None:
        """Stop asking."""
        self._rest()
        self._probe.end()

    def _rest(self) -> None:
        if self._patience:
            self._patience.end()
            self._patience = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

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

    def passed(self) -> None:
        """The probe's answer: the server is well."""
        self.life.account.say_all("check", [])
        self.life.health.remark(self, "")
        if self._is_told:
            self.life.health.cleared("hung", f"no more: {self._name()} succeeds")
        self._failures, self._is_told = 0, False
        self._let_go_on()

    def failed(self, words: str) -> None:
        """The probe's answer: the server is not well; words: why."""
        assert self._patience
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
