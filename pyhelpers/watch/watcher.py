"""The resident helper: it sees, and it does what the shell orders; it decides nothing.

It speaks over two FIFOs in RUN_DIR, one line a message.  Events go into the mailbox, each behind the key
of RUN_DIR/key, which nobody has who may only order:

    WORD NUMBER NOW WHEN REST…     NUMBER: the server's place in the settled conf, 0 for none
                                   NOW: seconds since boot; WHEN: local time, ISO 8601

    recall N … RESTARTS MEMORY     what the record remembers for the shell
    up N … PID HOW SOURCE MS       it runs; HOW: launched adopted moved; MS since its death or the order
    down N … PID UP INCIDENT CAUSE…        it ended after UP seconds
    restart_pending N … PID UP INCIDENT CAUSE…  the same, but its death was told by a monitor that died over it
    absent N … STATE               at the first look it did not run
    failed N … STATUS TEXT…        a start did not succeed; STATUS as of the LSB
    unlogged N …                   the open incident that was recalled is not in history.jsonl
    want N … WORD                  what the operator wants of it, if not up: down paused
    hung N … PID TEXT…             it lives and does not serve
    limit N … PID ACTION KEY TEXT… it is over the limit of KEY; ACTION as in conf: alert restart
    cleared N … PID KEY TEXT…      that is over; KEY may be hung
    stuck N … PID TEXT…            the order to end it is carried out, and it lives; TEXT as in the order
    stopped N … PID                the order to stop it is carried out; PID 0: nothing ran
    locked N … PID                 the monitor PID watches it
    ready 0 … · tick 0 …           the first look is over · an interval has passed
    say N … TEXT…                  something a person should know
    hook 0 … OUTCOME HOOK TEXT…    what became of an alert

and orders come out of the other one, each a line of TAB-separated fields:

    start N WAIT RESTARTS MEMORY   start it after WAIT ms; MEMORY is a word the shell wants back from recall
    leave N STATE RESTARTS MEMORY TEXT     it is not to be started; STATE says why
    keep N RESTARTS MEMORY         only remember
    stop N                         end it, and what it started
    acknowledged N                 the shell has dealt with what was told of it
    end N PID TEXT                 end the process, for it does not serve; `down` is told then, with TEXT for CAUSE
    want N WORD                    remember what the operator wants: up down paused
    signal N NAME TOKEN            send it a signal; the answer is as below
    reload                         go by RUN_DIR/settled.new
    answer N TOKEN TEXT            tell the operator who gave the order TOKEN: `0`, or a status and why
    alert N EVENT HOOKS INCIDENT COUNT PID CAUSE ACTION TEXT

The end of the orders is the end of the shell, and so of this process; servers live on.
"""

from __future__ import annotations

import os
import time

from base.clock import boot_seconds
from config import settled
from loop import descendants
from loop.batched_scan import Walk
from loop.loop import Loop, lines_of
from proc import cause, identity, scan
from proc.server import servers_of
from spawn import launch, rotate
from state import access, lock, record
from watch import resident
from watch.alert_queue import Post
from watch.lifecycle import Life

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fdstore.store import Held
    from loop.batched_scan import Found
    from proc.server import Server

LONGEST_LINE = 4096  # PIPE_BUF: up to that a write into a FIFO is never torn
ORDERS_AT_ONCE = 1 << 13  # bytes: between so many, deaths are seen, however many orders wait
TIDY_AFTER_MS = 2000
FIONREAD = 0x541B  # ioctl_tty(2); the same on all machines that Linux calls generic
HISTORY_TAIL = 1 << 18


class Watcher:
    """All servers of one monitor."""

    def __init__(self, run_dir: str, state_dir: str, conf_dir: str, psutil_home: str) -> None:
        self.run_dir = run_dir
        self._arguments = [run_dir, state_dir, conf_dir, psutil_home]
        self.state_dir = state_dir
        self.psutil_home = psutil_home
        self.boot = record.boot_id()
        self.loop = Loop()
        self.followed: dict[int, Life] = {}
        self.shared: dict[str, object] = {}  # what the vitals of several servers have in common, by their kind
        self.suite, watched = servers_of(settled.read(f"{run_dir}/settled"))
        self.interval_ms = int(self.suite["interval"])
        self.directories = {server.directory for server in watched}
        self.lives = [Life(server, self, f"{state_dir}/servers/{server.name}") for server in watched]
        self.held = self._hold() if any(server.ends for server in watched) or self._has_kept("held") else None
        if self._has_kept("notify"):
            from health import notifysocket

            notifysocket.inherit(self)
        self._meet_the_shell()
        self._locks: list[int] = []
        self._deaths_told: list[bytes] | None = None
        self._ours = {os.getpid(), os.getppid()}
        self._search = Walk(self.loop, self._find)
        self.sessions = Walk(self.loop, scan.sessions)
        self._untidy: list[Life] = []
        self._post = Post(self, f"{state_dir}/alerts", conf_dir)
        self._oom_kills = cause.oom_kills()

    def _meet_the_shell(self) -> None:
        """The two FIFOs between us, and the key to the mailbox."""
        with open(f"{self.run_dir}/key", encoding="ascii") as key:
            self._key = key.read()
        self._mailbox = os.open(f"{self.run_dir}/mailbox", os.O_WRONLY | os.O_NONBLOCK)
        self._orders = os.open(f"{self.run_dir}/orders", os.O_RDONLY | os.O_NONBLOCK)
        self._unsent: list[bytes] = []
        self._half = b""
        self.loop.on_readable(self._orders, self._take_orders)

    def _has_kept(self, what: str) -> bool:
        """Has the watcher that we were in this process, before an update, left us such descriptors?"""
        return os.path.exists(f"{self.run_dir}/{what}")

    def _hold(self) -> Held:
        """What is held for servers; a monitor that holds nothing does not pay for the modules."""
        from fdstore.store import Held

        holding = Held(self)
        holding.inherit(self.run_dir)
        return holding

    # -- events ----------------------------------------------------------------------------------

    def emit(self, word: str, server: Server | None, rest: str) -> None:
        """Put one event into the mailbox.  Never blocks: what does not fit waits here."""
        number = server.number if server else 0
        line = f"{self._key}{word} {number} {boot_seconds():.0f} {record.iso_time(time.time())} {rest}"
        raw = _one_line(line) + b"\n"
        if self._unsent or not self._write(raw):
            self._unsent.append(raw)
            if len(self._unsent) == 1:
                self.loop.after(10, self._send_rest)

    def _write(self, raw: bytes) -> bool:
        try:
            os.write(self._mailbox, raw)
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self.loop.ended = True  # the shell is gone
        return True

    def _send_rest(self) -> None:
        while self._unsent and self._write(self._unsent[0]):
            self._unsent.pop(0)
        if self._unsent:
            self.loop.after(10, self._send_rest)

    def unread(self) -> bool:
        """Does anything lie in the mailbox that the shell has not read yet?"""
        import fcntl

        count = fcntl.ioctl(self._mailbox, FIONREAD, b"\0\0\0\0")
        return bool(self._unsent) or count != b"\0\0\0\0"

    def say(self, server: Server | None, text: str) -> None:
        """Tell a person, through the shell."""
        self.emit("say", server, text)

    # -- orders ----------------------------------------------------------------------------------

    def _take_orders(self) -> None:
        piece = os.read(self._orders, ORDERS_AT_ONCE)
        if not piece:
            self.loop.ended = True
            return
        *lines, self._half = (self._half + piece).split(b"\n")
        for line in lines:
            self._obey(line.decode("utf-8", "surrogateescape"))

    def _obey(self, line: str) -> None:
        word, *rest = line.split("\t")
        if word == "reload":
            self._reload()
        if word == "alert":
            self._post.take(self.lives[int(rest[0]) - 1].server.name, rest[1:])
            return
        life = self.lives[int(rest[0]) - 1]
        getattr(self, f"_order_{word}")(life, *rest[1:])

    def _reload(self) -> None:
        """Go by the new conf: become a new watcher, in place.  Our children stay our children.

        The shell must not see an end: the FIFOs are kept open over the exec, until the new one has its own.
        """
        while self._unsent:
            os.set_blocking(self._mailbox, True)
            self._send_rest()
        for fd in (self._mailbox, self._orders):
            os.set_inheritable(fd, True)
        if self.held:
            self.held.keep_over_exec(self.run_dir)
        if "notify" in self.shared:
            from health import notifysocket

            notifysocket.keep_over_exec(self)
        os.rename(f"{self.run_dir}/settled.new", f"{self.run_dir}/settled")
        self.loop.end_groups()
        resident.execute(self._arguments)

    def _order_start(self, life: Life, wait: str, restarts: str, memory: str) -> None:
        life.server.restarts, life.server.memory = int(restarts), memory
        life.start(int(wait))

    def _order_leave(self, life: Life, state: str, restarts: str, memory: str, text: str) -> None:
        life.server.restarts, life.server.memory = int(restarts), memory
        life.leave(state, text)

    def _order_keep(self, life: Life, restarts: str, memory: str) -> None:
        life.server.restarts, life.server.memory = int(restarts), memory
        life.account.write()

    def _order_stop(self, life: Life) -> None:
        life.stop()

    def _order_end(self, life: Life, pid: str, text: str) -> None:
        life.acknowledged()
        life.health.put_down(int(pid), text)

    def _order_acknowledged(self, life: Life) -> None:
        life.acknowledged()

    def _order_want(self, life: Life, want: str) -> None:
        life.set_want(want)

    def _order_signal(self, life: Life, name: str, token: str) -> None:
        life.account.answer(token, life.signal(name))

    def _order_answer(self, life: Life, token: str, text: str) -> None:
        life.account.answer(token, text)

    # -- first look ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Lock every server; then look which of them run."""
        notifying = sum(life.server.vital.get("heartbeat") == "notify" for life in self.lives)
        self._want_descriptors(3 * len(self.lives) + notifying + (self.held.count() if self.held else 0) + 64)
        if not self._lock_all():
            return  # the shell leaves
        if self.held:
            self.held.recover()
        for life in self.lives:
            life.first_look()
        self._search.want(0, lambda _: self._ready())  # after all that the first look wants
        self._post.deliver_soon()
        self.loop.after(self.interval_ms, self._tick)

    def _ready(self) -> None:
        self._deaths_told = None
        self.emit("ready", None, "")
        if self.held:
            self.held.tell_lost()
        if os.path.exists(f"{self.run_dir}/plan"):
            os.unlink(f"{self.run_dir}/plan")  # of the update that is carried out by this

    def _want_descriptors(self, number: int) -> None:
        """A lock and a pidfd a server: more than the usual 1024 for some hundreds.  Servers keep the limit that was."""
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft >= number:
            return
        if hard < number:
            self.say(
                None, f"{number} open files are needed for {len(self.lives)} servers, {hard} allowed; raise ulimit -Hn"
            )
        launch.raise_nofile(min(number, hard))

    def _lock_all(self) -> bool:
        """Have each server to ourselves; False: another monitor has one of them, and that is told.

        By their names in order: of two monitors that begin at once, one gets the first and goes on.
        """
        for life in sorted(self.lives, key=lambda life: life.server.name):
            try:
                access.make(life.account.directory)
                holder = self._lock(life.account.directory)
            except OSError as error:
                self.say(life.server, f"{life.account.directory}/lock: {error.strerror}; watched without a lock")
                continue
            if holder:
                self.emit("locked", life.server, holder)
                return False
        return True

    def _lock(self, directory: str) -> str:
        """ "" or the monitor that holds the lock.

        A dead one's helper is given a second to let go; an earlier helper of our own monitor, or what it was
        about to start as its death came, ten.
        """
        ours = str(os.getppid())
        holder = ""
        for attempt in range(200):
            fd, holder = lock.take(f"{directory}/lock", ours)
            if fd >= 0:
                self._locks.append(fd)
                return ""
            alive = holder.isdigit() and identity.look(int(holder)) is not None
            if holder != ours and (alive or attempt >= 20):
                return holder
            time.sleep(0.05)
        return holder

    def want_scan(self, life: Life, absent: Callable[[], None]) -> None:
        """Look for it in the process table, together with all that want it now; absent: it is not there."""
        self._search.want(life.server.number, lambda found: None if self._take(life, found) else absent())

    def _find(self, numbers: list[int]) -> str:
        sought = [self.lives[number - 1].server for number in numbers if number]
        not_these = {*self._ours, *self.followed}
        return scan.find(sought, self.directories, self.psutil_home, not_these) if sought else ""

    def _take(self, life: Life, found: Found) -> bool:
        """Follow what the scan has found, if it is there still, and nobody's yet."""
        for pid, ticks in found:
            process = identity.look(pid) if pid not in self.followed else None
            if process and process.ticks == ticks and life.adopt(process, "scan"):
                return True
        return False

    def history_tells(self, incident: str) -> bool:
        """Does history.jsonl have this death already?  Asked at the first look only; read once for it."""
        if self._deaths_told is None:
            self._deaths_told = [line for line in self._history() if _is_death(line)]
        needle = f'"incident":"{incident}"'.encode()
        return any(needle in line for line in self._deaths_told)

    def _history(self) -> list[bytes]:
        try:
            with open(f"{self.state_dir}/history.jsonl", "rb") as history:
                history.seek(max(0, os.fstat(history.fileno()).st_size - HISTORY_TAIL))
                return history.read().split(b"\n")
        except OSError:
            return []

    # -- orphans ---------------------------------------------------------------------------------

    def orphans(self, sid: int = 0) -> Iterator[identity.Process]:
        """Descendants of our servers whose parent ended: as subreaper we are their parent now.  Reaps the dead."""
        return descendants.orphans(self.loop, self.followed, sid)

    def oom_struck(self) -> bool:
        """Has the kernel killed for want of memory since we last asked?"""
        before, self._oom_kills = self._oom_kills, cause.oom_kills()
        return self._oom_kills > before

    # -- every interval --------------------------------------------------------------------------

    def _tick(self) -> None:
        self.loop.after(self.interval_ms, self._tick)
        for _ in self.orphans():
            pass  # reaps what has ended
        for life in self.lives:
            life.tick()
        if self.held:
            self.held.tell_lost()
        self._post.catch_up()
        self.emit("tick", None, "")

    def tidy_soon(self, life: Life) -> None:
        """Have its oldlog carried over and pruned, outside the loop, in one go with its neighbours'."""
        self._untidy.append(life)
        if len(self._untidy) == 1:
            self.loop.after(TIDY_AFTER_MS, self._tidy)

    def _tidy(self) -> None:
        untidy, self._untidy = {life.server.number: life for life in self._untidy}, []
        self.loop.errand(lambda: _tidy_all(list(untidy.values())), lambda text: self._tidied(untidy, text))

    def _tidied(self, lives: dict[int, Life], text: str) -> None:
        for line in lines_of(text):
            number, _, remark = line.partition(" ")
            self.say(lives[int(number)].server, remark)


def _tidy_all(untidy: list[Life]) -> str:
    lines = []
    for life in untidy:
        server = life.server
        for remark in rotate.tidy(server.directory, server.oldlog, server.oldlog_keep):
            lines.append(f"{server.number} {remark}\n")
    return "".join(lines)


def _is_death(line: bytes) -> bool:
    """Of a process that was ended for not serving, that is the event."""
    return any(b'"event":"%b"' % event in line for event in (b"death", b"hung", b"limit"))


def _one_line(text: str) -> bytes:
    """No control characters, and nothing but UTF-8: a file name may hold anything, a line of ours may not."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "?" for c in text)
    raw = text.encode()
    return raw if len(raw) < LONGEST_LINE else raw[: LONGEST_LINE - 1].decode("utf-8", "ignore").encode()
