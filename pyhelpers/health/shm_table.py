"""The heartbeat table: slots in SysV shared memory, in which programs report that they serve.

    struct st_procinfo { int pid; char pname[51]; int timeout; time_t atime; };     1000 of them, key 0x5095

A program takes a slot (the one with its pid, else the first whose pid is 0), sets atime at each beat, and clears the
slot when it ends.  To add or clear a slot, it holds a semaphore with the same key, a set of one, with SEM_UNDO; a beat
takes no lock.  procctl, checkproc and their C++ clients use the same table.  heartbeat.py is its command line.

We trust nothing in the table: any process with write access may have written rubbish.  This needs the package sysv_ipc.
Sources: shmget(2), shmat(2), semop(2), proc(5) for /proc/PID/maps.
"""

from __future__ import annotations

import os
import struct
import sys
import time

from base.exits import NOT_INSTALLED
from config.heartbeat_values import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

KEY = 0x5095
SLOTS = 1000
LAYOUT = "<i51sxi4xq"
MODE = 0o600  # of a table that we make: a process that may write to it can get a server ended
LOCK_SECONDS = 2.0  # a process may be stopped while it holds the semaphore
GREATEST_PID = 1 << 22  # PID_MAX_LIMIT


class TableError(Exception):
    """The table cannot be used; the text says why and what to do.  status: for an exit."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


class NoTable(TableError):
    """No program has made the table yet."""


class Busy(TableError):
    """Another process holds the semaphore."""


def library(home: str = "") -> Any:
    """The package sysv_ipc; home: a directory where it may be.  Raises TableError (5)."""
    if home and home not in sys.path:
        sys.path.append(home)
    try:
        import sysv_ipc  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        from base.libraries import sysv_ipc_home, sysv_ipc_missing

        found = sysv_ipc_home()
        if home or not found:
            raise TableError(sysv_ipc_missing(), NOT_INSTALLED) from None
        return library(found)
    return sysv_ipc


class Slot:
    """One slot as it was read: pid, timeout (s), atime (by the client's clock), name."""

    __slots__ = ("_raw", "atime", "pid", "timeout")

    def __init__(self, pid: int, raw: bytes, timeout: int, atime: int) -> None:
        self.pid = pid
        self._raw = raw
        self.timeout = timeout
        self.atime = atime

    @property
    def name(self) -> str:
        """The printable name; in the slot it need not end with a NUL."""
        text = self._raw.partition(b"\0")[0].decode("utf-8", "replace")
        return "".join(letter if letter.isprintable() else "?" for letter in text)


class Table:
    """The table with this key.  open() attaches it until close(): others may remove and remake a table at any time.

    home: where sysv_ipc may be.  Every method raises TableError.
    """

    def __init__(self, key: int = KEY, layout: str = LAYOUT, slots: int = SLOTS, home: str = "") -> None:
        self.key = key
        self.layout = Layout(layout)
        self.slots = slots
        self.id = -1
        self.mode = 0
        self.owners: set[int] = set()
        self._home = home
        self._memory: Any = None
        self._view = memoryview(b"")
        self._may_write = False

    def __str__(self) -> str:
        return f"table 0x{self.key:x}"

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, write: bool = False) -> Table:
        """Attach it.  write: for writing too.  Also raises NoTable."""
        self.close()
        ipc = library(self._home)
        try:
            memory = ipc.SharedMemory(self.key, 0, mode=0o600 if write else 0o400)
        except ipc.ExistentialError:
            raise NoTable(f"{self}: no program has made it yet") from None
        except (ipc.Error, OSError, ValueError) as error:
            doing = "written to" if write else "read"
            raise TableError(f"{self}: may not be {doing} ({error}); be its owner, or have its mode changed") from None
        wanted = self.slots * self.layout.size
        if memory.size != wanted:
            size = memory.size
            memory.detach()
            shape = f"{self.slots} slots of {self.layout.size}"
            raise TableError(f"{self}: has {size} bytes, and {shape} take {wanted}; set the layout or number of slots")
        self._memory, self._view, self._may_write = memory, memoryview(memory).cast("B"), write
        self.id, self.mode = memory.id, memory.mode
        self.owners = {memory.uid, memory.cuid}
        return self

    def make(self, mode: int = MODE) -> Table:
        """Attach it for writing; make it with that mode if there is none."""
        try:
            return self.open(write=True)
        except NoTable:
            ipc = library(self._home)
        size = self.slots * self.layout.size
        try:
            ipc.SharedMemory(self.key, ipc.IPC_CREX, mode=mode, size=size, init_character=b"\0").detach()
        except ipc.ExistentialError:
            pass  # another program was faster
        except (ipc.Error, OSError, ValueError) as error:
            raise TableError(f"{self}: cannot be made: {error}") from None
        return self.open(write=True)

    def may_be_forged(self, trusted: int = 0) -> bool:
        """Are we root, and may others than root and the trusted uid write to it?

        Then a beat proves nothing: another user may have faked a client, which then falls silent.  If we are not root,
        we can end only processes that those with write access could end themselves.
        """
        return os.geteuid() == 0 and (bool(self.mode & 0o022) or not self.owners <= {0, trusted})

    def close(self) -> None:
        """Detach it; sysv_ipc does not do that by itself."""
        if self._memory:
            self._view.release()
            self._memory.detach()
            self._memory = None

    # -- read ------------------------------------------------------------------------------------

    def pids(self) -> list[int]:
        """The pid in each slot; 0 for a free one."""
        layout = self.layout
        if layout.pids_in_line:
            return self._view.cast("i")[layout.pid_at // 4 :: layout.size // 4].tolist()
        return [self.slot(index).pid for index in range(self.slots)]

    def slot(self, index: int) -> Slot:
        """The present content of that slot."""
        at = index * self.layout.size
        return Slot(*self.layout.slot.unpack(bytes(self._view[at : at + self.layout.size])))

    def used(self) -> list[tuple[int, Slot]]:
        """Index and content of all slots in use."""
        return [(index, self.slot(index)) for index, pid in enumerate(self.pids()) if pid]

    def find(self, pid: int) -> int:
        """The index of the slot with that pid, or -1."""
        pids = self.pids()
        return pids.index(pid) if pid in pids else -1

    # -- write -----------------------------------------------------------------------------------

    def beat(self, index: int, atime: int) -> None:
        """Beat in one's own slot.  It is one store: a reader sees the old time or the new one."""
        layout = self.layout
        self._put(index, layout.atime_at, atime, layout.atime_size)

    def _put(self, index: int, at: int, value: int, size: int) -> None:
        if not self._may_write:
            raise TableError(f"{self}: attached to be read only")
        start = index * self.layout.size + at
        raw = (value % (1 << 8 * size)).to_bytes(size, "big" if self.layout.big else "little")
        self._view[start : start + size] = raw

    def add(self, pid: int, name: str, timeout: int, atime: int, wait: float = LOCK_SECONDS) -> int:
        """Take the slot that has this pid, else the first free one; return its index.  Also raises Busy.

        timeout in seconds; we cut a name that is too long for its field.  wait: seconds for the semaphore.
        """
        with self._lock(wait):
            pids = self.pids()
            if pid not in pids and 0 not in pids:
                raise TableError(f"{self}: all {self.slots} slots are taken")
            index = pids.index(pid if pid in pids else 0)
            layout = self.layout
            start = index * layout.size
            self._put(index, layout.pid_at, 0, layout.pid_size)  # a reader sees a whole slot or a free one
            _, field, _ = layout.name_field
            try:
                raw = layout.slot.pack(0, name.encode("utf-8", "replace")[: field - 1], timeout, atime)
            except struct.error as error:
                raise TableError(f"{self}: {name} does not fit into a slot: {error}") from None
            self._view[start : start + layout.size] = raw
            self._put(index, layout.pid_at, pid, layout.pid_size)
        return index

    def clear(self, index: int, still: Callable[[Slot], bool], wait: float = LOCK_SECONDS) -> bool:
        """Free a slot if still() agrees after we have the semaphore; return whether it did.  Also raises Busy."""
        with self._lock(wait):
            if not still(self.slot(index)):
                return False
            layout = self.layout
            start = index * layout.size
            self._put(index, layout.pid_at, 0, layout.pid_size)
            self._view[start : start + layout.size] = bytes(layout.size)
        return True

    def _lock(self, wait: float) -> _Lock:
        if not self._may_write:
            raise TableError(f"{self}: attached to be read only")
        return _Lock(library(self._home), self, wait)


class _Lock:
    """The semaphore, held.  It polls, because sysv_ipc 1.2 does not respect its own timeouts."""

    def __init__(self, ipc: Any, table: Table, wait: float) -> None:
        self._ipc = ipc
        self._table = table
        self._wait = wait
        self._held: Any = None

    def __enter__(self) -> None:
        deadline = time.monotonic() + self._wait
        try:
            semaphore = self._semaphore()
            semaphore.undo = True
            semaphore.block = False
            while not self._take(semaphore):
                if time.monotonic() >= deadline:
                    raise Busy(f"{self._table}: another process holds its semaphore, given up after {self._wait:g}s")
                time.sleep(0.01)
        except (self._ipc.Error, OSError) as error:
            raise TableError(f"{self._table}: its semaphore cannot be had: {error}") from None

    def __exit__(self, *_: object) -> None:
        held, self._held = self._held, None
        try:
            held.release()
        except (self._ipc.Error, OSError):
            pass  # someone removed it meanwhile: there is nothing to release

    def _semaphore(self) -> Any:
        ipc, key = self._ipc, self._table.key
        try:
            return ipc.Semaphore(key)
        except ipc.ExistentialError:
            pass
        try:
            return ipc.Semaphore(key, ipc.IPC_CREX, mode=self._table.mode & 0o666, initial_value=1)
        except ipc.ExistentialError:
            return ipc.Semaphore(key)

    def _take(self, semaphore: Any) -> bool:
        try:
            semaphore.acquire()
        except self._ipc.BusyError:
            return False
        self._held = semaphore
        return True


def attached(pid: int, table_id: int) -> bool:
    """Does this process have that shared memory attached, as every client has?  Also False if we may not look."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                words = line.split(None, 5)
                if len(words) > 5 and words[5].startswith("/SYSV") and words[4] == str(table_id):
                    return True
    except OSError:
        pass
    return False


def living(pid: int) -> int:
    """Start ticks of the process with this pid; 0: there is none, it has ended, or the number is that of a thread."""
    import select

    from proc import identity

    if not 0 < pid <= GREATEST_PID:
        return 0
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return 0
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)  # readable once the whole process has ended, however many threads it had
        return 0 if poll.poll(0) else identity.ticks_of(pid)
    finally:
        os.close(pidfd)
