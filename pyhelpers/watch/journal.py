"""The record of one server, and the remarks about it for people, each remark once."""

from __future__ import annotations

import time

from base.clock import TICKS_PER_SECOND, boot_seconds
from proc import drift
from state import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.host import Supervisor
    from loop.leftovers import Dead
    from proc.server import Server


MOST_UNANSWERED = 1000  # answers that a full disk refuses, kept in memory


class Account:
    """The record of one server, in directory, and the remarks about it.

    want: the state that the operator wants; dead: the last process, for the record of a start.
    ending: why we are ending its process, if no one ordered that; else "".  took: what the last ordered end took.
    beside: a second process of it, which is to be ended, as watch/parting.py writes it; "" for none.
    untold: a death of which the shell may not know, as watch/standing.py has it; "" for none.
    """

    __slots__ = (
        "_said _unanswered _unwritten beats beside dead directory ending kept server took untold want watcher".split()
    )

    def __init__(self, server: Server, watcher: Supervisor, directory: str, dead: Dead) -> None:
        self.server = server
        self.watcher = watcher
        self.directory = directory
        self.dead = dead
        self.want = "up"
        self.ending = self.took = self.beside = self.untold = self.beats = ""
        self._said: dict[str, set[str]] = {}
        self._unwritten = False
        self.kept: dict[str, str] = {}  # what the watcher in this process before an update could not write
        self._unanswered: list[tuple[str, str]] = []

    def recall(self) -> dict[str, str]:
        """Read the record, and send the shell what it must know; {} if there is no valid record."""
        self.want = record.read_want(self.directory)
        if self.want != "up":
            self.watcher.emit("want", self.server, self.want)
        kept, self.kept = self.kept, {}
        try:
            known = kept or record.read(self.directory, put_aside=True)
        except record.Torn as torn:
            self.watcher.say(self.server, str(torn))
            return {}
        if known:
            self.server.restarts = int(known["restarts"] or 0)
            self.server.memory = known["memory"] or "-"
            self.server.last_exit = known["last_exit"]
            self.took, self.beats = known["took"], known["beats"]
            if known["boot"] == self.watcher.boot:
                self.server.images = tuple(filter(None, known["images"].split(",")))
            self.watcher.emit("recall", self.server, f"{self.server.restarts} {self.server.memory}")
            incident = self.server.memory.partition(":")[0]
            if incident and not self.watcher.history_tells(incident):
                self.watcher.emit("unlogged", self.server, "")
        return known

    def become(self, state: str, message: str = "") -> None:
        """Set the state; a paused server stays PAUSED, whatever happens to it."""
        self.server.state = "PAUSED" if self.want == "paused" else state
        self.server.message = message

    def set_want(self, want: str) -> None:
        """Save what the operator wants, for later monitors too."""
        self.want = want
        try:
            record.write_want(self.directory, want)
        except OSError as error:
            text = f"{self.directory}/want: {error.strerror}; forgotten when this monitor ends"
            self.watcher.say(self.server, text)

    def answer(self, token: str, text: str) -> None:
        """Write the answer to an order for the operator, who waits for it, and confirm that to the shell."""
        from state import answers  # most monitors never get an order

        try:
            answers.append(self.directory, token, text)
        except OSError:
            self._unanswered = [*self._unanswered, (token, text)][-MOST_UNANSWERED:]
            return
        self.watcher.emit("answered", self.server, token)

    def keep_over_exec(self) -> bytes:
        """What no disk has: the watcher that is executed next would believe the record before it."""
        return record.block(self._fields()) if self._unwritten else b""

    def catch_up(self) -> None:
        """Write again what a full disk refused."""
        if self._unwritten:
            self.write()
        unanswered, self._unanswered = self._unanswered, []
        for token, text in unanswered:
            self.answer(token, text)

    def say_all(self, topic: str, remarks: list[str]) -> None:
        """Report each remark once while it lasts; forget the remarks that the topic no longer has."""
        before = self._said.pop(topic, ())
        for text in remarks:
            if text not in before:
                self.watcher.say(self.server, text)
        if remarks:
            self._said[topic] = set(remarks)

    def mark_starting(self) -> None:
        """Write the intent to start to disk, before we move or start anything."""
        try:
            record.write(self.directory, dict(self._fields(), starting="yes"))
        except OSError as error:
            self._say_unwritten(error)

    def write(self) -> None:
        """Write the record; if the disk refuses, report that and try again every interval."""
        try:
            record.write(self.directory, self._fields())
            self._unwritten = False
        except OSError as error:
            self._say_unwritten(error)

    def _say_unwritten(self, error: OSError) -> None:
        if not self._unwritten:
            hope = "; will be tried again" if self.watcher.monitor else ""
            self.watcher.say(self.server, f"{self.directory}/record not written: {error.strerror}{hope}")
        self._unwritten = True

    def _fields(self) -> dict[str, str]:
        server = self.server
        fields = {
            "name": server.name,
            "state": server.state,
            "restarts": str(server.restarts),
            "memory": server.memory,
            "last_exit": server.last_exit,
            "message": server.message,
            "port": str(server.port or ""),
            "ending": self.ending,
            "took": self.took,
            "beside": self.beside,
            "untold": self.untold,
            "beats": self.beats,
            "boot": self.watcher.boot,
            "monitor": self.watcher.monitor,
        }
        pid, ticks = (server.pid, server.ticks) if server.pid else (self.dead.pid, self.dead.ticks)
        if pid:
            started = time.time() - boot_seconds() + ticks / TICKS_PER_SECOND
            fields.update(pid=str(pid), ticks=str(ticks), exe=server.program, cwd=server.directory)
            of = server if server.pid else self.dead
            fields.update(sid=str(of.sid), seen=str(of.seen), invocation=of.invocation, cgroup=of.cgroup)
            if of.kids:  # there may be no other proof of them
                fields["kids"] = record.kids_text(of.kids)
            fields["images"] = ",".join(of.images)
            if of.parent[0]:
                fields.update(parent=str(of.parent[0]), parent_ticks=str(of.parent[1]), unit=of.unit)
            fields["uid"] = str(of.owner) if of.owner >= 0 else ""
            fields.update(started=f"{started:.3f}", source=server.source, mode=server.mode)
            fields.update(server.former or drift.said(server))
        return fields
