"""Read the orders of operators from the FIFO RUN_DIR/mailbox, a line each.

    WORD NAME TOKEN [ARG]

Every member of control_group may write there, so we trust nothing: a line is an order if WORD is in our table, this
monitor watches NAME, TOKEN is digits with one dot inside, and ARG is there exactly if WORD takes one.  The shell gets
the parts of such a line as the event `order`.  Any other line is rubbish: we count it, report the count once an
interval, and never print it.  TOKEN begins with the pid of the command, which waits for the answer, so we can see who
has given the order; history tells that.  `quit` ends the monitor; `update` is valid only while the owner's plan is
there.
"""

from __future__ import annotations

import os

from proc import person

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loop.loop import Loop
    from proc.server import Server
    from watch.shell_link import ShellLink

AT_ONCE = 4096  # bytes; after so many the loop turns to deaths and starts
LONGEST_LINE = 512
LONGEST_TOKEN = 40
LONGEST_ARGUMENT = 12
SHELL_WAITS_MS = 50
REST_MS = 5  # after rubbish, so that a flood of it costs only a small part of one processor
WORDS = frozenset((b"start", b"stop", b"restart", b"pause", b"resume", b"clear", b"reload", b"overlap"))
WORDS_WITH_ARGUMENT = frozenset((b"signal",))
ARGUMENT_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"


class Operators:
    """Reads the mailbox; say: reports to a person."""

    def __init__(
        self, run_dir: str, loop: Loop, link: ShellLink, servers: Mapping[str, Server], say: Callable[[str], None]
    ) -> None:
        self._run_dir = run_dir
        self._loop = loop
        self._link = link
        self._servers = servers
        self._say = say
        self.half = b""  # the beginning of a line whose end has not come yet
        self._rubbish = 0  # lines since the last report
        # Open it for writing too: so there is always a writer, and we never see the end of the FIFO
        self._mailbox = os.open(f"{run_dir}/mailbox", os.O_RDWR | os.O_NONBLOCK)
        self._listen()

    def _listen(self) -> None:
        self._loop.on_readable(self._mailbox, self._turn, lasts=True)

    def report(self) -> None:
        """Report the rubbish of the last interval, in one line."""
        if self._rubbish:
            lines = "1 line" if self._rubbish == 1 else f"{self._rubbish} lines"
            self._say(f"{lines} of rubbish dropped from the mailbox")
        self._rubbish = 0

    def _turn(self) -> None:
        if self._link.waits:  # the shell is behind: unread orders are safe in the FIFO
            self._rest(SHELL_WAITS_MS)
            return
        before = self._rubbish
        *lines, self.half = (self.half + os.read(self._mailbox, AT_ONCE)).split(b"\n")
        for line in lines:
            self._loop.on_behalf(None, self._take, line)  # a fault over one order is none of the next
        if len(self.half) > LONGEST_LINE:
            self.half = self.half[: LONGEST_LINE + 1]  # enough to be too long
        if self._rubbish > before or len(self.half) > LONGEST_LINE:
            self._rest()

    def _rest(self, milliseconds: float = REST_MS) -> None:
        self._loop.ignore(self._mailbox)
        self._loop.after(milliseconds, self._listen)

    def _take(self, line: bytes) -> None:
        if not line:
            return  # a writer begins with a newline, to end an incomplete line of another writer
        words = line.removesuffix(b" ").split(b" ") if len(line) <= LONGEST_LINE else []
        if words == [b"quit", b"0"]:
            self._link.emit("quit", 0, "")
        elif words == [b"update", b"0"] and self._has_plan():
            self._link.emit("update", 0, "")
        elif not self._order(words):
            self._rubbish += 1

    def _has_plan(self) -> bool:
        """May there be one?  If we cannot tell, the shell finds out: an operator waits for the answer."""
        try:
            os.stat(f"{self._run_dir}/plan")
        except FileNotFoundError:
            return False
        except OSError:
            pass
        return True

    def _order(self, words: list[bytes]) -> bool:
        """Pass an order on to the shell; False: the line is no order."""
        number = self._number(words[1]) if 3 <= len(words) <= 4 else 0
        if not number or not _is_token(words[2]) or not _takes(words[0], words[3:]):
            return False
        word, _, token, *rest = words
        by = person.behind(int(token.partition(b".")[0]))
        self._link.emit("order", number, b" ".join([word, token, b"%d" % by, *rest]).decode("ascii"))
        return True

    def _number(self, name: bytes) -> int:
        """The number of a server; 0: we do not watch it."""
        server = self._servers.get(name.decode("ascii", "replace"))
        return server.number if server else 0


def _is_token(word: bytes) -> bool:
    whole, dot, part = word.partition(b".")
    return len(word) <= LONGEST_TOKEN and whole.isdigit() and bool(dot) and part.isdigit()


def _takes(word: bytes, arguments: list[bytes]) -> bool:
    """Is it one of our words, with the right arguments?"""
    if word in WORDS:
        return not arguments
    if word not in WORDS_WITH_ARGUMENT or not arguments:
        return False
    return 1 <= len(arguments[0]) <= LONGEST_ARGUMENT and not arguments[0].strip(ARGUMENT_LETTERS)
