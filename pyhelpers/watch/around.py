"""The commands around the life of a server: start_pre before its launch, start_post when it is RUNNING, stop_post when
its process and what that left behind have ended.

One command of a server runs at a time.  start_pre and stop_post are awaited by what follows: the launch, the next
start, the answer to a stop.  No one waits for start_post.  A watcher that does not know whether an earlier one has run
stop_post runs it: rather twice than never.
"""

from __future__ import annotations

from base.exits import FAILED, NOT_CONFIGURED
from config.life_settings import asked
from loop.leftovers import end_leftovers
from state.history import incident_id
from watch.life_command import LifeCommand, told_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from watch.lifecycle import Life

    Then = Callable[[], None]

LIMIT_MS = 15_000  # of start_post and stop_post
BY_ORDER = "stopped by order"


class Around:
    """Of one server."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._command: LifeCommand | None = None
        self._key = ""  # of the command that runs
        self._status = 0  # of the one that has ended: why it was not executed
        self._is_unwanted = False
        self._next: list[Then] = []  # what waits for its end
        self._attempt: object = None  # to start, whose start_pre runs or waits
        self._cause = ""  # why the server has ended, if its stop_post is still to run

    # -- one after another -----------------------------------------------------------------------

    def _when_free(self, call: Then) -> None:
        """Call it when no command runs; only stop_post is awaited, others are ended."""
        if not self._command:
            call()
            return
        self._next.append(call)
        if self._key != "stop_post":
            self._end()

    def _end(self) -> None:
        self._is_unwanted = True
        if self._command:
            self._command.end()

    def _run(self, key: str, milliseconds: int, told: dict[str, str], done: Callable[[str, str], None]) -> None:
        """Run the command of a key.  done: as of LifeCommand, unless the command was no longer wanted."""
        life = self._life
        self._key, self._is_unwanted = key, False

        def over(why: str, text: str) -> None:
            self._status = self._command.status if self._command else 0
            self._command = None
            waiting, self._next = self._next, []
            if not self._is_unwanted:
                done(why, text)
            for call in waiting:
                self._when_free(call)

        self._command = LifeCommand(life.watcher, life.server, key, asked(life.server, key), milliseconds, told, over)

    def rest(self, then: Then) -> None:
        """Call then when the command that runs has ended."""
        if self._command:
            self._next.append(then)
        else:
            then()

    # -- start_pre -------------------------------------------------------------------------------

    def start_pre(self, then: Then, failed: Callable[[int, str], None]) -> None:
        """Run it; then call then, or failed with the status and the reason."""

        def ran(why: str, text: str) -> None:
            if self._status == NOT_CONFIGURED:  # a file of env_file or secrets: the server cannot have it either
                failed(NOT_CONFIGURED, why)
            elif why:
                last_words = self._life.watcher.last_words
                told = f"start_pre failed: {why}"
                last_words.failed(self._life.server, 0, lambda words: failed(FAILED, told + words), text)
            else:
                self._life.server.message = ""
                then()

        attempt = self._attempt = object()
        self._when_free(lambda: self._begin_pre(attempt, ran))

    def _begin_pre(self, attempt: object, ran: Callable[[str, str], None]) -> None:
        if self._attempt is not attempt:
            return  # cancelled while it waited
        self._life.account.become("STARTING", "start_pre runs")
        self._life.account.mark_starting()
        self._run("start_pre", self._life.server.timeout_ms, {}, ran)

    def cancel_start(self) -> None:
        """The attempt to start is over: end its start_pre."""
        self._attempt = None
        if self._command and self._key == "start_pre":
            self._end()

    # -- start_post ------------------------------------------------------------------------------

    def start_post(self) -> None:
        """The server is RUNNING now: run it."""
        server = self._life.server
        incident = incident_id(server.name, server.pid, server.ticks, self._life.watcher.boot)
        pid = server.pid

        def ran(why: str, text: str) -> None:
            if why:
                self._failed("start_post", pid, incident, why, text)
                self._life.health.remark("start_post", f"start_post failed: {told_of(why, text)}")

        self._when_free(lambda: self._run("start_post", LIMIT_MS, {}, ran))

    # -- stop_post -------------------------------------------------------------------------------

    def owe(self, cause: str) -> None:
        """The server has ended for this cause: its stop_post is due, unless an earlier end was not settled yet."""
        self._cause = self._cause or cause

    def settle(self, then: Then) -> None:
        """What it left behind has ended too: run stop_post, if it is due; then call then."""
        self._when_free(lambda: self._settle(then))

    def _settle(self, then: Then) -> None:
        cause, self._cause = self._cause, ""
        if not cause or not asked(self._life.server, "stop_post"):
            then()
            return
        dead, server = self._life.account.dead, self._life.server
        incident = incident_id(server.name, dead.pid, dead.ticks, self._life.watcher.boot)
        pid = dead.pid

        def ran(why: str, text: str) -> None:
            if why:
                self._failed("stop_post", pid, incident, why, text)
            then()

        self._run("stop_post", LIMIT_MS, {"MONITOR_CAUSE": cause, "MONITOR_PID": str(pid)}, ran)

    def settle_soon(self, then: Then) -> None:
        """No start follows now: end what it left behind, and run stop_post; then call then."""
        if not self._cause:
            self.rest(then)
            return
        life = self._life
        end_leftovers(life.watcher, life.server, life.account.dead, lambda stuck: self._settle_if_dead(then))

    def _settle_if_dead(self, then: Then) -> None:
        if not self._life.server.pid:  # else a start has come first, and settled it
            self.settle(then)

    # -- what failed -----------------------------------------------------------------------------

    def _failed(self, key: str, pid: int, incident: str, why: str, text: str) -> None:
        life = self._life
        incident = f"{incident}-{key}"
        life.watcher.emit("around", life.server, f"{pid} {key} {incident} failed {told_of(why, text)}")
        report_output(life, pid, incident, text)


def report_output(life: Life, pid: int, incident: str, text: str) -> None:
    """A command around a life has failed, with this incident, and printed this: have the history keep it."""
    if not text:
        return
    from state import printed

    server, host = life.server, life.watcher
    try:
        printed.write(host.state_dir, server.kept_in, text, incident)
    except OSError:
        return  # a full disk; history would not take it either
    host.emit("printed", server, f"{pid} {incident} {server.kept_in}")
