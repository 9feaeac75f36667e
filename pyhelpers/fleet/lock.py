"""The lock of each singleton: taken by compare-and-swap, kept by beats that are written.

A holder writes a beat five times a lease, on condition that the lock is still its own.  From the moment before it sent
the last one that succeeded, it has the lock for one lease, by its own clock; before the end of that, the fences end the
server.  A candidate takes a lock that is free, or whose holder has written nothing for one lease by the clock of the
candidate, on condition that neither the lock nor the holder's beat has changed since.  The beat names the lease, as
conf may differ: the longer one counts.  So a slow, paused or misled candidate does no harm.  No lease of etcd, no watch
and no synchronized clock decides anything; clocks must run at the same rate within 5 %.

    t0                                  t0 + lease - margin     t0 + lease
    │ beat sent … committed … seen by a candidate      │              │      it may take the lock now
    └──────────── the server may run here ─────────────┘ all of it is dead

Nothing here ends a process, and nothing here waits but for etcd: see fleet/fences.py, fleet/worker.py.
Source: etcd-io/etcd, contrib/lock; client-go, tools/leaderelection.
"""

from __future__ import annotations

import os

from base.clock import boot_seconds
from fleet.etcd import delete, get, mod, put
from fleet.names import Beat, Holder, beat, free, holding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fleet.etcd import Answer, Entry, Etcd
    from fleet.names import Names

    Tell = Callable[..., None]

AT_ONCE = 40  # singletons in one transaction; etcd takes 128 operations
BEATS = 5  # in a lease
SOON, LONGEST_POLL = 0.1, 0.8  # seconds between two looks
HASTE = 0.3  # seconds for the answer to a look, at first: while a dead member lets us wait, we see no beat
TRIES = 3
MOST_SENT = 63  # beats without an answer that we remember
HELD_BACK = ("down", "paused")  # words of an operator for which no one takes it


class Claim:
    """One singleton as this machine sees it.  token: of our hold, 0: it is not ours.  Times are seconds since boot.

    after: how long we leave a free one to others.  seen: what we saw last of the holder, seen_at: since when; late: at
    most so long before that it was written; lease: for how long it counts; looked_at: our last look.  offered: the
    revision at which we released it because it cannot run here, offered_at: when.
    """

    def __init__(self, name: str, after: float) -> None:
        self.name = name
        self.after = after
        self.is_wanted = False
        self.token = 0
        self.seen = (-1, -1)
        self.seen_at = self.looked_at = 0.0
        self.late = LONGEST_POLL
        self.lease = 0.0
        self.offered = 0
        self.offered_at = 0.0
        self.holder = ""
        self.told = self.obeyed = ""


class Us:
    """This machine.  nonce: of this boot, by which we know our own beats; last: the revision of the last one."""

    def __init__(self, host: str, boot: str, nonce: str) -> None:
        self.host, self.boot, self.nonce = host, boot, nonce
        self.last = 0
        self._sent: list[str] = []  # since a beat succeeded: any of them may have arrived
        self.foreign = ""  # a beat of a machine with our name, which is not ours
        self.foreign_at = 0.0
        self.has_twin = False  # it has written again
        self._has_read = False
        self.is_sure = False  # the last beat of our name is one that this keeper has sent

    def next_beat(self, lease: float) -> str:
        """The value of a new beat: no other machine writes the same, not even a copy of this one."""
        self._sent = [*self._sent[-MOST_SENT:], beat(self.nonce, os.urandom(4).hex(), lease)]
        return self._sent[-1]

    def wrote(self, revision: int) -> None:
        """The last beat has succeeded."""
        self.last, self._sent, self._has_read = revision, self._sent[-1:], True

    def twin(self) -> str:
        """What a person should know of a machine with our name."""
        return f"another machine calls itself {self.host}, too; set host on one of them"

    def knows(self, beat: Entry | None, now: float) -> None:
        """We have read the last beat of our name.  The first one that we read may be of our last keeper."""
        self.last = beat.mod if beat else 0
        self.is_sure = beat is not None and beat.value in self._sent
        may_be_ours = not self._has_read and beat is not None and beat.value.startswith(f"{self.nonce} ")
        self._has_read = True
        text = "" if beat is None or self.is_sure or may_be_ours else beat.value
        if text != self.foreign:
            self.has_twin = bool(text and self.foreign)
            self.foreign, self.foreign_at = text, now

    def part(self) -> None:
        """A copy of this machine writes, too: from now on we can be told from it."""
        self.nonce, self._sent = os.urandom(8).hex(), []


class Lock:
    """All locks that this machine has or wants.  One thread uses it.

    tell: is called with `held NAME TOKEN DEADLINE`, `beat DEADLINE NAMES`, `lost NAME HOW WHY`, `leave NAME WHY`,
    `elsewhere NAME HOST`, `unclaimed NAME`, `say TEXT`.  patience: seconds for a call to etcd.  period: seconds
    between two beats.
    """

    def __init__(self, etcd: Etcd, names: Names, us: Us, lease: float, tell: Tell) -> None:
        self._etcd = etcd
        self._names = names
        self._us = us
        self._lease = lease
        self._tell = tell
        self.period = lease / BEATS
        self.patience = min(2.0, self.period)
        self.claims: dict[str, Claim] = {}
        self._haste = HASTE

    # -- what we have ----------------------------------------------------------------------------

    def held(self) -> list[Claim]:
        """Those that are ours."""
        return [claim for claim in self.claims.values() if claim.token]

    def beat(self) -> None:
        """Write that we still have what we have.  Raises NoAnswer, Refused: then nothing is proved."""
        for some in _pieces([claim for claim in self.held() if claim.is_wanted]):
            left: list[Claim] = list(some)
            for _ in range(TRIES):
                if not left or self._beat(left):
                    break
                left = [claim for claim in left if claim.token]

    def _beat(self, claims: Sequence[Claim]) -> bool:
        """False: refused; `lost` follows for each that is not ours any more."""
        sent_at = boot_seconds()
        beats = self._names.beats(self._us.host)
        ones = [self._names.one(claim.name) for claim in claims]
        ours = [mod(key, claim.token) for key, claim in zip(ones, claims)]
        then = [put(beats, self._us.next_beat(self._lease))]
        reads = [get(key) for key in (beats, *ones)]
        answer = self._etcd.txn([*ours, mod(beats, self._us.last)], then, reads, self.patience)
        if answer.is_done:
            self._us.wrote(answer.revision)
            self._tell("beat", sent_at + self._lease, [claim.name for claim in claims])
        else:
            self._refused(claims, answer)
        return answer.is_done

    def _refused(self, claims: Iterable[Claim], answer: Answer) -> None:
        """A beat whose answer we missed is ours all the same; what has another revision is lost."""
        self._us.knows(answer.entry(self._names.beats(self._us.host)), boot_seconds())
        for claim in claims:
            holder = Holder(answer.entry(self._names.one(claim.name)))
            if holder.token != claim.token:
                self._lose(claim, "taken", f"{holder.host or 'no machine'} has its lock now")
            elif self._us.foreign:
                self._lose(claim, "twin", self._us.twin())
        if self._us.foreign and not self.held():
            self._fence_twin()

    def _fence_twin(self) -> None:
        """It beats as this machine: whatever it has, it shall lose, too, as no one knows which of us is meant."""
        beats = self._names.beats(self._us.host)
        self._us.part()
        answer = self._etcd.txn(
            [mod(beats, self._us.last)], [put(beats, self._us.next_beat(self._lease))], [], self.patience
        )
        if answer.is_done:
            self._us.wrote(answer.revision)

    def _lose(self, claim: Claim, how: str, why: str) -> None:
        was_wanted = claim.is_wanted
        self.drop(claim)
        if was_wanted:
            self._tell("lost", claim.name, how, why)

    def drop(self, claim: Claim) -> None:
        """It is not ours any more, nor wanted."""
        claim.token, claim.is_wanted, claim.told, claim.holder, claim.offered = 0, False, "", "", 0
        claim.seen = (-1, -1)

    def release(self, claim: Claim, is_bad: bool = False) -> None:
        """Its server has ended: let another machine have it.  Raises NoAnswer, Refused; then call it again.

        is_bad: because it cannot run here; if no other machine takes it, `unclaimed` follows.
        """
        token, claim.is_wanted = claim.token, False
        if not token:
            self.drop(claim)
            return
        one, beats = self._names.one(claim.name), self._names.beats(self._us.host)
        is_last = len(self.held()) == 1
        answer = self._etcd.txn([mod(one, token)], [put(one, free(self._us.host))], [], self.patience)
        self.drop(claim)
        if answer.is_done and is_bad:
            claim.offered, claim.offered_at = answer.revision, boot_seconds()
        if answer.is_done and is_last:  # we beat no more, and our next life need not wait
            self._etcd.txn([mod(beats, self._us.last)], [delete(beats)], [], self.patience)
            self._us.last = 0

    # -- what we want ----------------------------------------------------------------------------

    def look(self) -> float:
        """See who has what we want, and take what is free; return in how many seconds to look again.

        Raises NoAnswer, Refused.
        """
        claims = [claim for claim in self.claims.values() if claim.is_wanted or claim.token or claim.offered]
        pauses = [self._look(some) for some in _pieces(claims)]
        return min([self.period, *pauses])

    def _look(self, claims: Sequence[Claim]) -> float:
        holders = {claim.holder for claim in claims} | {self._us.host}
        keys = [key for claim in claims for key in (self._names.one(claim.name), self._names.want(claim.name))]
        keys += [self._names.beats(host) for host in holders if host]
        answer = self._read(keys)
        now = boot_seconds()
        if not self.held():
            self._us.knows(answer.entry(self._names.beats(self._us.host)), now)
            if self._us.has_twin:
                self._tell("say", self._us.twin())
        return min(self._judge(claim, answer, now) for claim in claims)

    def _read(self, keys: Sequence[str]) -> Answer:
        """Ask whichever member; one that does not answer costs little time, unless all of them are slow."""
        seconds, self._haste = min(self._haste, self.patience), 2 * self._haste
        answer = self._etcd.txn([], [get(key, is_stale_good=True) for key in keys], [], seconds)
        self._haste = HASTE
        return answer

    def _judge(self, claim: Claim, answer: Answer, now: float) -> float:
        holder = Holder(answer.entry(self._names.one(claim.name)))
        want = answer.entry(self._names.want(claim.name))
        if claim.token:
            self._obey(claim, want)
            return self.period
        if claim.offered:
            return self._await_taker(claim, holder, now)
        if holder.host != claim.holder:  # its beats are read from the next look on
            claim.holder = holder.host
            claim.seen = (-1, -1)
            self._tell_where(claim, holder, want)
            return 0.0 if holder.host else self._judge(claim, answer, now)
        last = answer.entry(self._names.beats(holder.host)) if holder.host else None
        seen = (holder.token, last.mod if last else 0)
        if seen != claim.seen:
            claim.seen, claim.seen_at, claim.late = seen, now, now - claim.looked_at
            claim.lease = self._counts(last.value if last else "")
        claim.looked_at = now
        self._tell_where(claim, holder, want)
        wait = self._wait(claim, holder, want) - (now - claim.seen_at)
        if wait > 0:
            return min(wait, self._until_news(claim, now))
        self._take(claim, holder)
        return LONGEST_POLL

    def _until_news(self, claim: Claim, now: float) -> float:
        """In how many seconds to look again: just before the holder's next beat is due, and then until we see it.

        So we see it soon after it was written, and take the lock soon after a lease without one.
        """
        if claim.late > 2 * SOON and now < claim.seen_at + 2 * self.period:
            return SOON  # we do not know when it beats
        due = claim.seen_at + self.period - SOON
        return due - now if due - now > SOON else min(max(SOON, (now - due) / 2), LONGEST_POLL)

    def _tell_where(self, claim: Claim, holder: Holder, want: Entry | None) -> None:
        word = want.value if want and want.value in HELD_BACK else ""
        if claim.told != (holder.host or f"-{word}"):
            claim.told = holder.host or f"-{word}"
            self._tell("elsewhere", claim.name, claim.told)

    def _wait(self, claim: Claim, holder: Holder, want: Entry | None) -> float:
        """How long what we see must have been so before we may take it, in seconds."""
        word = want.value if want else "up"
        if word in HELD_BACK:
            return 1 << 30
        if self._us.foreign:  # of our last boot, or a machine with our name
            left = self._us.foreign_at + self._counts(self._us.foreign) - boot_seconds()
            if left > 0:
                return left + boot_seconds() - claim.seen_at
        is_ours = holder.host == self._us.host and holder.nonce == self._us.nonce
        if is_ours and (self._us.is_sure or self.held()):
            return 0.0
        if holder.host:
            return claim.lease
        return claim.after + (self._lease if word not in ("up", self._us.host) else 0.0)

    def _counts(self, last: str) -> float:
        """For how long its last beat counts, in seconds: conf may give it a longer lease than us."""
        return max(self._lease, Beat(last).lease)

    def _take(self, claim: Claim, holder: Holder) -> None:
        sent_at = boot_seconds()
        us, one, beats = self._us, self._names.one(claim.name), self._names.beats(self._us.host)
        only_if = [mod(one, holder.token), mod(beats, us.last)]
        if holder.host not in ("", us.host):
            only_if.append(mod(self._names.beats(holder.host), claim.seen[1]))
        then = [put(one, holding(us.host, us.boot, us.nonce)), put(beats, us.next_beat(self._lease))]
        answer = self._etcd.txn(only_if, then, [get(beats)], self.patience)
        if not answer.is_done:
            us.knows(answer.entry(beats), boot_seconds())
            claim.seen = (-1, -1)
            return
        claim.token = answer.revision
        us.wrote(answer.revision)
        us.foreign = claim.obeyed = ""
        self._tell("held", claim.name, claim.token, sent_at + self._lease)

    def _await_taker(self, claim: Claim, holder: Holder, now: float) -> float:
        """It cannot run here.  The last machine of which that is so says that no machine has it."""
        left = claim.offered_at + self._lease + 1 - now
        if left > 0 and holder.token <= claim.offered:
            return min(left, LONGEST_POLL)
        one, offered = self._names.one(claim.name), claim.offered
        is_free = self._etcd.txn([mod(one, offered)], [], [], self.patience).is_done
        claim.offered = 0
        if is_free:
            self._tell("unclaimed", claim.name)
        return self.period

    def _obey(self, claim: Claim, want: Entry | None) -> None:
        """An operator has given a word since we took it.  The shell ends the server; then it is released."""
        if want is None or want.mod < claim.token or claim.obeyed == want.value:
            return
        claim.obeyed = want.value
        if want.value == "down":
            self._tell("leave", claim.name, "an operator has stopped it on all machines")
        elif want.value not in ("up", "paused", self._us.host):
            self._tell("leave", claim.name, f"an operator moves it to {want.value}")


def _pieces(claims: list[Claim]) -> Iterator[list[Claim]]:
    for begin in range(0, len(claims), AT_ONCE):
        yield claims[begin : begin + AT_ONCE]
