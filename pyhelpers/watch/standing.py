"""The standing order of a server: its next death is answered with a start, and the shell hears of both afterwards.

The shell decides ahead, with `keep`: where each death would be answered with a start at once, it need not be asked
between the death and the start.  It hears `down` as of any death when the start is under way, and its answer, `start`,
confirms that it knows of it.  Until then the record has that death as `untold`, so it is not lost with us.
"""

from __future__ import annotations

from state import history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watch.lifecycle import Life


class Standing:
    """That of one server.  starts: is the next death answered with a start?"""

    __slots__ = ("_event", "_life", "_word", "starts")

    def __init__(self, life: Life) -> None:
        self._life = life
        self._word = ""  # of the event that is still to be sent
        self._event = ""  # the one that was sent, until the shell confirms it
        self.starts = False

    def set(self, what: str) -> None:
        """The shell has decided what follows the next death: `start` or `ask`.

        It concerns the process that runs: one that has ended meanwhile was no such death yet.
        """
        life = self._life
        self.starts = what == "start" and life.may_stand and life.phase == "up" and life.account.want == "up"

    def carry_out(self, death: str) -> None:
        """Start the server, and soon report its death; other deaths come first.

        death: the fields of the event `down`.
        """
        self.starts = False
        self._life.account.untold = death
        self._word = "down"
        self._life.watcher.loop.after(0, self.tell)
        self._life.start(0)

    def tell(self) -> None:
        """Report the death, if that is not done: before anything that came after it."""
        word, self._word = self._word, ""
        untold = self._life.account.untold
        if word and untold:
            self._event = f"{word} {untold}"
            self._life.told = history.process_of(untold.split(" ", 3)[2])
            self._life.tell(word, untold)

    def has_told(self, incident: str) -> bool:
        """Was that death reported, and does the shell still have to confirm it?"""
        return self._event != "" and self._event.split(" ", 4)[3] == incident

    def recall(self, known: dict[str, str]) -> None:
        """Read from the record of an earlier watcher a death of which the shell may not know."""
        life, untold = self._life, known.get("untold", "")
        fields = untold.split(" ", 3)
        if len(fields) < 4 or known["boot"] != life.watcher.boot:
            return
        is_told = str(life.told[0]) == fields[0] or life.watcher.history_tells(fields[2])
        self._word = "restart_pending" if is_told else "down"
        life.account.untold = untold

    def confirmed(self) -> bool:
        """The shell has answered the death.  Is its start under way, or over, so that there is nothing to do?"""
        life, event = self._life, self._event
        if not event:
            return False
        self.forget()
        if life.phase == "idle" and life.pending.is_about(event):
            return False
        if life.pending.is_about(event):
            life.pending.answered()
        life.account.write()
        return True

    def forget(self) -> None:
        """The shell knows of it, or an order has ended what followed."""
        self._word = self._event = self._life.account.untold = ""
        self.starts = False
