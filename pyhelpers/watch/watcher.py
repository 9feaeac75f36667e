"""The resident helper: it observes, and it does what the shell orders; it makes no decision.

It talks to the shell over two FIFOs in RUN_DIR, in the words of watch/messages.py; operators write into a third one.
"""

from __future__ import annotations

import os
import sys
import time

from config import settled
from config.server_settings import AROUND
from loop import cgroups, descendants, removal
from loop.batched_scan import Walk
from loop.loop import Loop
from proc import cause, identity
from proc.server import servers_of
from spawn import nofile
from state import access, history, lock, record
from state.paths import server_directory
from watch import faults, handover, oversight, resident, succession, takeover
from watch.alert_queue import Post
from watch.kept_output import KeptOutput
from watch.lag import Lag
from watch.last_words import LastWords
from watch.lifecycle import Life
from watch.operators import Operators
from watch.orders import ORDERS, SUITE_ORDERS
from watch.output import Stream
from watch.shell_link import ShellLink
from watch.tidying import Tidying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fdstore.store import Held
    from loop.batched_scan import Found
    from loop.host import Followed
    from proc.server import Server
    from watch.metrics import Metrics

RELOAD_AGAIN_MS = 1000
OOM_LOOKS = 2  # after a kill: the kernel counts it for the machine first, and then for the cgroup
MANY_LOCKS = 64  # with fewer, to load what puts them away costs more than it gives
MOST_SCANS = 3  # for one server, while what they find has ended by the time that we look


class Watcher:
    """All servers of one monitor."""

    def __init__(self, run_dir: str, state_dir: str, conf_dir: str, psutil_home: str, kept: int | None = None) -> None:
        """Kept: what the watcher in this process before an update left to us: see watch/handover.py."""
        self.run_dir = run_dir
        self._arguments = [run_dir, state_dir, conf_dir, psutil_home]
        self.state_dir = state_dir
        self.conf_dir = conf_dir
        self.psutil_home = psutil_home
        self.monitor = str(os.getppid())
        self.boot = record.boot_id()
        self.loop = Loop()
        self.loop.fault = self._fault
        self._faults_said: set[str] = set()
        self.followed: dict[int, Followed] = {}
        self.shared: dict[str, object] = {}  # what the vitals of several servers share, by their kind
        self.suite, watched = servers_of(settled.read(f"{run_dir}/settled"))
        self.interval_ms = int(self.suite["interval"])
        self.directories = {server.directory for server in watched}
        self.shell: ShellLink = ShellLink(run_dir, self.loop, self._obey)
        made: Callable[..., Life] = Life
        if any(server.vital.get(key) for server in watched for key in AROUND):
            from watch.around_life import made
        if any(server.ends and server.ends.sockets for server in watched):
            from watch.replaceable import made
        self.lives = [made(server, self, server_directory(state_dir, server.kept_in)) for server in watched]
        self.held = self._hold() if any(server.ends for server in watched) or self._has_kept("held") else None
        self._inherit_notify()
        self.streams: dict[str, Stream] = {"1": Stream(self.loop, 1), "2": Stream(self.loop, 2)}
        self.operators = self._open_mailbox()
        self._locks: list[int] = []
        self._locks_away: list[object] = []
        self._deaths_told: list[bytes] | None = None
        self._year = time.localtime().tm_year  # of history.jsonl
        self._unlocked = list(self.lives)
        self._ours = {os.getpid(), os.getppid()}
        self._search = Walk(self.loop, self._find)
        self.leftovers = Walk(self.loop, self._find_left)
        self.kept_output: KeptOutput = KeptOutput(self)
        self.last_words: LastWords = LastWords(self, self.kept_output)
        self._tidying = Tidying(self)
        self._post = Post(self, f"{state_dir}/alerts", conf_dir)
        self._lag = Lag(self, self._post)
        self._metrics = self._measure() if self.suite.get("metrics") else None
        self._oom_kills = self._kills_at_tick = cause.oom_kills()
        self._oom_looks = OOM_LOOKS  # at so many of the next ticks
        if kept is not None:
            self._take_over(handover.take(kept))

    def _measure(self) -> Metrics:
        from watch.metrics import Metrics

        return Metrics(self)

    def _open_mailbox(self) -> Operators:
        servers = {life.server.name: life.server for life in self.lives}
        return Operators(self.run_dir, self.loop, self.shell, servers, lambda text: self.say(None, text))

    def _inherit_notify(self) -> None:
        if self._has_kept("notify"):
            from health import notifysocket

            notifysocket.inherit(self)

    def _has_kept(self, what: str) -> bool:
        """Has the watcher in this process before an update left us such descriptors?"""
        return os.path.exists(f"{self.run_dir}/{what}")

    def _hold(self) -> Held:
        """The descriptors held for servers; a monitor that holds none does not load the modules."""
        from fdstore.store import Held

        holding = Held(self)
        holding.inherit(self.run_dir)
        return holding

    # -- events ----------------------------------------------------------------------------------

    def emit(self, word: str, server: Server | None, rest: str) -> None:
        """Send the shell one event of watch/messages.py."""
        self.shell.emit(word, server.number if server else 0, rest)

    def unread(self) -> bool:
        """Has the shell not yet read all events?"""
        return self.shell.unread()

    def say(self, server: Server | None, text: str) -> None:
        """Send a message to a person, through the shell."""
        self.emit("say", server, text)

    # -- faults ----------------------------------------------------------------------------------

    def _fault(self, owner: object, error: Exception) -> None:
        """No code expected this exception: charge it to the server for which we worked, and go on."""
        life = owner if isinstance(owner, Life) else None
        self._deaths_told = None  # the next examination needs those of today
        if isinstance(error, ImportError):
            sys.path_importer_cache.clear()  # a directory that could not be listed once stays empty there
        name = life.server.name if life else "monitor.sh"
        where = faults.place(error)
        faults.write(self.state_dir, name, error)
        if f"{name} {where}" not in self._faults_said:
            self._faults_said.add(f"{name} {where}")
            text = f"a fault of the monitor itself at {where}: {faults.words(error)}; see faults.log"
            self.say(life.server if life else None, text)
        if life:
            life.relook.after_fault(f"{where} {type(error).__name__}")

    # -- orders ----------------------------------------------------------------------------------

    def _obey(self, word: str, fields: list[str]) -> None:
        if word in SUITE_ORDERS:
            SUITE_ORDERS[word](self, *fields)
            return
        life = self.lives[int(fields[0]) - 1]
        if word == "alert":
            self._post.take(life.server, fields[1:])
        else:
            self.loop.on_behalf(life, ORDERS[word], life, *fields[1:])

    def reload(self) -> None:
        """Use the new conf: execute a new watcher in this process.  Our children stay our children.

        The shell must not see the end of a FIFO, so we keep them open over the exec, until the new watcher has its own.
        It gives no orders until it hears from that one, so we try again what fails.
        """
        kept = handover.NOTHING
        try:
            waiting = [stream.keep_over_exec() for stream in self.streams.values()]
            ends = "".join(f"{life.server.name} {life.told[0]} {life.told[1]}\n" for life in self.lives)
            pieces = [self.shell.keep_over_exec(), self.operators.half, self._post.keep_over_exec(), ends.encode()]
            unwritten = [life.account.keep_over_exec() for life in self.lives]
            kept = handover.put([*pieces, *waiting, *filter(None, unwritten)])
            self._become_next(kept)
        except OSError as error:
            handover.drop(kept)
            nofile.keep_all_to_ourselves()
            self.say(None, f"the new conf cannot be taken over: {error.strerror}; tried again in 1 s")
            self.loop.after(RELOAD_AGAIN_MS, self.reload)

    def _become_next(self, kept: int) -> None:
        """Execute the new watcher.  Never returns; after an OSError it can be called again."""
        if self.held:
            self.held.keep_over_exec(self.run_dir)
        if "notify" in self.shared:
            from health import notifysocket

            notifysocket.keep_over_exec(self)
        try:
            os.rename(f"{self.run_dir}/settled.new", f"{self.run_dir}/settled")
        except FileNotFoundError:
            pass  # we have come so far before
        self.loop.end_groups()
        resident.execute(self._arguments, kept)

    def _take_over(self, kept: list[bytes]) -> None:
        if kept:
            link, self.operators.half, alerts, ends, *waiting = kept
            self.shell.take_over(link)
            self._post.take_over(alerts)
            told = {name: (int(pid), int(ticks)) for name, pid, ticks in map(str.split, ends.decode().splitlines())}
            for life in self.lives:
                life.told = told.get(life.server.name, (0, 0))
            for stream, text in zip(self.streams.values(), waiting):
                stream.take_over(text)
            self._take_over_unwritten(waiting[len(self.streams) :])
        self.emit("reloaded", None, "")

    def _take_over_unwritten(self, blocks: list[bytes]) -> None:
        found = [record.parse(raw.decode("utf-8", "surrogateescape")) for raw in blocks]
        known = {fields["name"]: fields for fields in found}
        for life in self.lives:
            life.account.kept = known.get(life.server.name, {})

    # -- first look ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Lock every server; then find out which of them run."""
        notifying = sum(life.server.vital.get("heartbeat") == "notify" for life in self.lives)
        self._want_descriptors(4 * len(self.lives) + notifying + (self.held.count() if self.held else 0) + 64)
        if not self._lock_all():
            return  # the shell ends the monitor
        self.kept_output.begin([life.server for life in self.lives if life.server.keeps_output])
        if not all(life.server.keeps_output for life in self.lives):
            from watch import own_output

            own_output.begin(self, self.lives)
        for life in self.lives:
            if life.server.logger:
                from watch import logger

                self.loop.on_behalf(life, logger.descriptor, self, life.server)
        if os.path.exists(f"{self.run_dir}/foreground"):  # lib/ending.sh
            from watch.reaping import Reaping

            Reaping(self, self.loop)
        if self.held:
            self.held.recover()
        if self.suite.get("fleet"):
            from watch.fleet_link import FleetLink

            FleetLink(self, self.lives, self.conf_dir, int(self.suite["fleet_lease"]))
        for life in self.lives:
            self.loop.on_behalf(life, takeover.look, life)
        self._adopt_cgroups()
        self._search.want(0, lambda _: self._ready())  # after all scans of the first look
        self._post.deliver_soon()
        self.loop.after(self.interval_ms, self._tick)

    def _ready(self) -> None:
        self._deaths_told = None
        self.emit("ready", None, "")
        self._be_seen()  # not before the line of the history that tells what we watch
        removal.remove(self.loop, f"{self.run_dir}/beginning")  # `monitor.sh -d` waits for that
        if self.held:
            self.held.tell_lost()
        if self._metrics:
            self._metrics.passed()
        if self.suite.get("report"):
            from watch import reporting

            reporting.Reporting(self, self.suite["report"])

    def _want_descriptors(self, number: int) -> None:
        """Raise our limit: a lock and a pidfd a server soon exceed 1024.  Servers get the limit from before."""
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft >= number:
            return
        if hard < number:
            self.say(
                None, f"{number} open files are needed for {len(self.lives)} servers, {hard} allowed; raise ulimit -Hn"
            )
        nofile.raise_ours(min(number, hard))

    def _lock_all(self) -> bool:
        """Lock each server that is not; False: another monitor has locked one of them, which we report.

        Lock them in the order of their names: of two monitors that begin at once, one gets the first and goes on.
        A server whose lock cannot be written, for example on a full disk, is watched; we try again every interval.
        """
        unlocked, self._unlocked = self._unlocked, []
        for life in sorted(unlocked, key=lambda life: life.server.name):
            try:
                access.make(life.account.directory)
                holder = self._lock(life.account.directory)
            except OSError as error:
                self._unlocked.append(life)
                text = f"{life.account.directory}/lock: {error.strerror}; watched without a lock"
                life.account.say_all("lock", [text])
                continue
            if holder:
                self.emit("locked", life.server, holder)
                return False
        if len(self._locks) >= MANY_LOCKS:
            from state import held_locks

            self._locks_away += held_locks.put_away(self._locks)
        return True

    def _lock(self, directory: str) -> str:
        """Lock one server; return "", or the pid of the monitor that holds the lock.

        The helper of a dead monitor gets a second to release the lock.  An earlier helper of our own monitor, or a
        child that it was about to execute when it died, gets ten.
        """
        ours = self.monitor
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

    def want_scan(self, life: Followed, absent: Callable[[], None], tries: int = MOST_SCANS) -> None:
        """Search the process table, together with all others that want it now; call absent if it is not there.

        If what was found has ended by now, search again: it may have been about to fork into the background.
        """

        def take(found: Found) -> None:
            if self._take(life, found):
                return
            if tries > 1 and any(_has_ended(pid, ticks) for pid, ticks in found):
                self.want_scan(life, absent, tries - 1)
            else:
                absent()

        self._search.want(life.server.number, take)

    def _find(self, numbers: list[int]) -> str:
        sought = [self.lives[number - 1].server for number in numbers if number]
        not_these = {*self._ours, *self.followed}
        if any(server.base != server.name for server in sought):
            from state import siblings  # only a child needs it

            not_these |= siblings.pids(self.state_dir, sought)
        from proc import scan  # so does that: it stays out of our memory

        return scan.find(sought, self.directories, not_these, self._sift) if sought else ""

    def _sift(self, server: Server, found: list[identity.Process]) -> list[identity.Process]:
        """Those that may be the server: what its last process left behind may only look like it."""
        return succession.sifted(self.lives[server.number - 1], found)

    def _find_left(self, numbers: list[int]) -> str:
        dead = {number: self.lives[number - 1].account.dead for number in numbers}
        from proc import scan

        return scan.left(dead, {*self._ours, *self.followed})

    def _take(self, life: Followed, found: Found) -> bool:
        """Follow what the scan has found, if it still lives and no server has it yet."""
        for pid, ticks in found:
            process = identity.look(pid) if pid not in self.followed else None
            if process and process.ticks == ticks and life.adopt(process, "scan"):
                return True
        return False

    def history_tells(self, incident: str) -> bool:
        """Does history.jsonl have this death already?  Only the first look asks; we read the file once for it."""
        if self._deaths_told is None:
            from state import whole_history

            self._deaths_told = [line for line in whole_history.newest(self.state_dir) if history.is_death(line)]
        return any(history.is_of(line, incident) for line in self._deaths_told)

    # -- orphans ---------------------------------------------------------------------------------

    def orphans(self, sid: int = 0, listed: bool = False) -> Iterator[identity.Process]:
        """Descendants of our servers whose parent has ended: as subreaper we are their parent now.  Reaps the dead.

        sid: if set, skip processes of other sessions that we are ending, so that a thousand stops do not add up.
        """
        return descendants.orphans(self.loop, self.followed, sid, listed)

    def oom_struck(self) -> bool:
        """Has the kernel killed a process to free memory since the last call?"""
        before, self._oom_kills = self._oom_kills, cause.oom_kills()
        return self._oom_kills > before

    # -- every interval --------------------------------------------------------------------------

    def _tick(self) -> None:
        self.loop.after(self.interval_ms, self._tick)
        may_be_struck = self._may_be_struck()
        for _ in self.orphans():
            pass  # the generator reaps those that have ended
        if not self._lock_all():
            return  # the shell ends the monitor
        for life in self.lives:
            self.loop.on_behalf(life, oversight.tick, life, may_be_struck)
        if self.held:
            self.held.tell_lost()
        self._look_after_cgroups()
        if "fleet" in self.shared:
            from watch import fleet_link

            fleet_link.tick(self)
        self._post.catch_up()
        self.operators.report()
        self._be_seen()
        self.shell.tick()
        self._lag.look()
        if self._metrics:
            self._metrics.passed()

    def _may_be_struck(self) -> bool:
        """Has the kernel killed any process for lack of memory of late?  Else we look at no cgroup."""
        before, self._kills_at_tick = self._kills_at_tick, cause.oom_kills()
        looks = OOM_LOOKS if self._kills_at_tick > before else self._oom_looks
        self._oom_looks = max(0, looks - 1)
        return looks > 0

    def _be_seen(self) -> None:
        """If we are killed, others know from this file how long we have watched (state/presence.py)."""
        now = time.time()
        try:
            os.utime(f"{self.run_dir}/boot", (now, now))
            year = time.localtime().tm_year
            if year != self._year or os.stat(f"{self.state_dir}/history.jsonl").st_size >= history.MOST:
                from state import turned_history

                self._year = year
                turned_history.turn_if_due(self.state_dir)
        except OSError:
            pass  # a disk that takes nothing takes no history either

    def _adopt_cgroups(self) -> None:
        ours = cgroups.of(self)
        if ours:
            ours.retire_leftovers()

    def _look_after_cgroups(self) -> None:
        """Remove the empty ones; what is in the others may have ended meanwhile."""
        ours = cgroups.of(self)
        if ours:
            ours.sweep()
            news = ours.news()
            if news:
                self.say(None, news)

    def tidy_soon(self, life: Followed) -> None:
        """Tidy its oldlog soon, outside the loop, in one go with those of other servers."""
        self._tidying.add(life.server)


def _has_ended(pid: int, ticks: int) -> bool:
    process = identity.look(pid)
    return process is None or process.ticks != ticks
