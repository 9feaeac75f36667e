"""Does the living process serve?  Report what its vitals find to the shell; end the process if the shell says so."""

from __future__ import annotations

from health import vitals as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from health.vitals import Vital
    from loop.host import Followed

REMARK_EVERY_MS = 1000  # a server may change its status a thousand times a second; people read slower


class Health:
    """The vitals of one server, and their remarks."""

    __slots__ = "_emit _life _loop _remark_due _remarks vitals".split()

    def __init__(self, life: Followed) -> None:
        self._life = life
        self._loop = life.watcher.loop
        self._emit = life.watcher.emit
        self.vitals: list[Vital] = []
        if life.server.vital:
            self._loop.on_behalf(life, lambda: self.vitals.extend(kinds.made(life)))
        self._remarks: dict[object, str] = {}
        self._remark_due = False

    # -- what becomes of the process -------------------------------------------------------------

    def prepare(self) -> None:
        """We launch a process next."""
        self._remarks.clear()
        for vital in self.vitals:
            vital.prepare()

    def begin(self, fresh: bool) -> None:
        """We follow a process now; fresh: we launched it, and it is STARTING."""
        if not self._life.account.ending:
            self._remarks.pop(self, None)
        for vital in self.vitals:
            vital.begin(fresh)

    def missing(self) -> str:
        """What it lacks to count as started, though it lives and listens; "" if nothing."""
        for vital in self.vitals:
            lack = vital.missing()
            if lack:
                return lack
        return ""

    def serving(self) -> None:
        """It is RUNNING: judge it from now on, unless it is paused."""
        if self._remarks:
            self._write_soon()  # the change to RUNNING has removed the remark from the record
        if self._life.account.want == "up":
            for vital in self.vitals:
                vital.serving()

    def resume(self) -> None:
        """The server was paused, and runs: judge it again."""
        self.begin(False)
        self.serving()

    def tick(self) -> None:
        """An interval has passed."""
        if self._life.account.want == "up":
            for vital in self.vitals:
                vital.tick()

    def end(self) -> None:
        """It has died, or is paused: stop judging it."""
        for vital in self.vitals:
            vital.end()

    # -- what the vitals say ---------------------------------------------------------------------

    def _matters(self) -> bool:
        """Is it RUNNING, and not already being ended?"""
        life = self._life
        return life.phase == "up" and life.account.want == "up" and not life.account.ending and life.server.pid != 0

    def hung(self, text: str) -> None:
        """It lives and does not serve: `no beat for 31s`.  The shell decides."""
        if self._matters():
            self._life.tell("hung", f"{self._life.server.pid} {text}")

    def limit(self, key: str, text: str, action: str) -> None:
        """It exceeds the limit of this key; action: alert restart."""
        if self._matters():
            self._life.tell("limit", f"{self._life.server.pid} {action} {key} {text}")

    def cleared(self, key: str, text: str) -> None:
        """The problem of this key (or `hung`) is over."""
        if self._matters():
            life = self._life
            self._emit("cleared", life.server, f"{life.server.pid} {key} {text}")

    def is_reported(self, key: str) -> bool:
        """Has the shell reported this problem (or `hung`) of this process, and not its end?

        It may have done so before this watcher began.  See server_memory in lib/server.sh.
        """
        server = self._life.server
        fields = server.memory.split(":", 9)
        reported = fields[8] if len(fields) == 10 and fields[8].startswith("=") else ""
        return f" {key}={server.name}-{server.pid}-" in f" {reported[1:]}"

    def remark(self, who: object, text: str) -> None:
        """Set the remark of who that status shows; "" for none.  We write the record at most once a second."""
        if self._remarks.get(who, "") != text:
            self._remarks[who] = text
            self._write_soon()

    def _write_soon(self) -> None:
        if not self._remark_due:
            self._remark_due = True
            self._loop.after(REMARK_EVERY_MS, self._write_remarks)

    def _write_remarks(self) -> None:
        self._remark_due = False
        life = self._life
        text = "; ".join(filter(None, self._remarks.values()))
        if life.phase in ("starting", "up") and life.server.message != text:
            life.server.message = text
            life.account.write()

    # -- its end ---------------------------------------------------------------------------------

    def put_down(self, pid: int, why: str) -> None:
        """End the process, because it does not serve; then report its death as usual, with why as its cause.

        Its vitals go on: if it survives, they report when it is well again.
        """
        life = self._life
        if not self._matters() or life.server.pid != pid:
            return  # it has died meanwhile, or is being stopped
        life.account.ending = why  # the next watcher continues from this
        self.remark(self, "is being ended")
        life.account.write()
        life.end_process(self.farewell(), self._put_down)

    def _put_down(self, stuck: list[int]) -> None:
        why = self.reason() if stuck else ""
        if why:
            self.remark(self, "could not be ended")
            self._life.tell("stuck", f"{stuck[0]} {why}")

    def farewell(self) -> list[str]:
        """The steps that end it: a vital may have its own way to ask the server to end."""
        for vital in self.vitals:
            steps = vital.farewell()
            if steps:
                return steps
        return self._life.server.stop

    def reason(self) -> str:
        """Why we were ending it; "" if we were not.  Call it once, when the end is over."""
        account = self._life.account
        why, account.ending = account.ending, ""
        return why
