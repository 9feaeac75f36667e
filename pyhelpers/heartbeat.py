#!/usr/bin/env python3
"""Send heartbeats to checkproc.py or a monitor (heartbeat = shm), or list the clients of the table.

In a shell script, the first line in its loop, the second at its end:

    heartbeat.py beat $$ backup 60
    heartbeat.py clear $$

For a person:

    $ pyhelpers/heartbeat.py list
    pid    timeout  last beat  name
    812    30s      2s ago     msg_server
    790    60s      312s ago   feeder  (has ended)

In a Python server, where a beat costs 2 us, and the slot is cleared at the end:

    from heartbeat import Heartbeat

    with Heartbeat("feeder", timeout=30) as heartbeat:
        while serving():
            heartbeat.beat()

The first `beat` takes a slot, and creates the table if there is none; only its owner may use the table unless --mode
says otherwise (C++ clients create it with 0666).  Without a PID it beats for its parent.  `clear` clears the slot of a
PID, or with --dead the slots of all ended processes.  All users of a table must use the same number of slots.

Exit: 0 good · 1 the table cannot be used, or there is no such slot · 2 usage · 5 sysv_ipc is not installed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from config.values import whole
from health import shm_table as tables
from health import tableoptions
from health.shm_table import KEY, LAYOUT, MODE, SLOTS, NoTable, Table, TableError, living

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from health.shm_table import Slot

CLOCKS = {"time": time.CLOCK_REALTIME, "monotonic": time.CLOCK_MONOTONIC, "boottime": time.CLOCK_BOOTTIME}
LONGEST_TIMEOUT = (1 << 31) - 1


class Heartbeat:
    """The heartbeat of this process (or of pid), from its first beat until close(); a context manager.

    name: for people, cut to 50 bytes.  timeout: whole seconds without a beat after which the process counts as hung.
    key, layout, slots, mode, clock (one of CLOCKS, for atime): the table, if it is not the default.  Raises TableError.
    """

    def __init__(
        self,
        name: str,
        timeout: int,
        *,
        pid: int = 0,
        key: int = KEY,
        layout: str = LAYOUT,
        slots: int = SLOTS,
        mode: int = MODE,
        clock: str = "time",
    ) -> None:
        self._pid = pid or os.getpid()
        self._of_us = self._pid == os.getpid()
        self._name = name
        self._timeout = timeout
        self._clock = CLOCKS[clock]
        self._index = -1
        self._table = Table(key, layout, slots).make(mode)

    def __enter__(self) -> Heartbeat:
        self.beat()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def beat(self) -> None:
        """Beat.  If another program has cleared our slot, take a new one; a forked child does not beat."""
        if self._of_us and os.getpid() != self._pid:
            return
        now = int(time.clock_gettime(self._clock))
        if self._index >= 0 and self._table.slot(self._index).pid == self._pid:
            self._table.beat(self._index, now)
            return
        self._index = self._table.find(self._pid)
        if self._index >= 0 and self._is_as_asked(self._table.slot(self._index)):
            self._table.beat(self._index, now)
        else:
            self._index = self._table.add(self._pid, self._name, self._timeout, now)

    def _is_as_asked(self, slot: Slot) -> bool:
        """Did an earlier `heartbeat.py beat` for the same pid, name and timeout fill this slot?"""
        return slot.timeout == self._timeout and self._name.startswith(slot.name) and not self._of_us

    def close(self) -> None:
        """Clear the slot, so that no program expects further beats."""
        pid = self._pid
        if self._index >= 0 and not (self._of_us and os.getpid() != pid):
            self._table.clear(self._index, lambda slot: slot.pid == pid)
        self._index = -1
        self._table.close()


# -- the command line ----------------------------------------------------------------------------


def _beat(options: argparse.Namespace) -> int:
    words = options.words
    if len(words) not in (2, 3):
        raise ValueError("beat needs [PID] NAME TIMEOUT")
    pid = whole(2, tables.GREATEST_PID)(words[0]) if len(words) == 3 else os.getppid()
    if not living(pid):
        raise TableError(f"pid {pid}: no such process")
    timeout = whole(1, LONGEST_TIMEOUT)(words[-1].removesuffix("s"))
    Heartbeat(
        words[-2],
        timeout,
        pid=pid,
        key=options.key,
        layout=options.layout,
        slots=options.slots,
        mode=options.mode,
        clock=options.clock,
    ).beat()
    return 0


def _list(options: argparse.Namespace) -> int:
    if options.words:
        raise ValueError("list takes no words")
    now = time.clock_gettime(CLOCKS[options.clock])
    try:
        with tableoptions.chosen(options).open() as table:
            used = [slot for _, slot in table.used()]
    except NoTable:
        used = []
    if options.json:
        import json

        print(json.dumps([_facts(slot) for slot in used], ensure_ascii=False))
        return 0
    print(f"{'pid':<7}{'timeout':<9}{'last beat':<11}name")
    for slot in used:
        ended = "" if living(slot.pid) else "  (has ended)"
        print(f"{slot.pid:<7}{f'{slot.timeout}s':<9}{f'{now - slot.atime:.0f}s ago':<11}{slot.name}{ended}")
    return 0


def _facts(slot: Slot) -> dict[str, object]:
    return {
        "pid": slot.pid,
        "name": slot.name,
        "timeout": slot.timeout,
        "atime": slot.atime,
        "alive": bool(living(slot.pid)),
    }


def _clear(options: argparse.Namespace) -> int:
    pids = [whole(-(1 << 31), LONGEST_TIMEOUT)(word) for word in options.words]
    if bool(pids) == options.dead:
        raise ValueError("clear needs PIDs, or --dead")
    cleared = 0
    with tableoptions.chosen(options).open(write=True) as table:
        for index, slot in table.used():
            pid = slot.pid
            if pid in pids:
                cleared += table.clear(index, lambda now, pid=pid: now.pid == pid)  # type: ignore[misc]
            elif options.dead and not living(pid):
                cleared += table.clear(index, lambda now, pid=pid: now.pid == pid and not living(pid))  # type: ignore[misc]
    if pids and not cleared:
        raise TableError(f"{tableoptions.chosen(options)}: no slot of pid {' '.join(options.words)}")
    return 0


def _mode(text: str) -> int:
    try:
        if text.isdigit() and int(text, 8) <= 0o666:
            return int(text, 8)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f'"{text}" is not a mode; write it in octal, like 0660')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="heartbeat.py",
        usage="heartbeat.py [option ...] beat [PID] NAME TIMEOUT | list [--json] | clear PID... | clear --dead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    tableoptions.add(parser)
    parser.add_argument("--mode", type=_mode, default=MODE, help="octal mode of a new table (default 0600)")
    parser.add_argument("--clock", choices=CLOCKS, default="time", help="the clock for atime (default time)")
    parser.add_argument("--json", action="store_true", help="list as an array of objects")
    parser.add_argument("--dead", action="store_true", help="clear the slots of all ended processes")
    parser.add_argument("word", choices=("beat", "list", "clear"), metavar="beat|list|clear", help="what to do")
    parser.add_argument("words", nargs="*", metavar="...", help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    parser = _parser()
    options = parser.parse_intermixed_args(argv)
    try:
        return {"beat": _beat, "list": _list, "clear": _clear}[options.word](options)
    except ValueError as error:
        parser.error(str(error))
    except NoTable as error:
        print(f"heartbeat.py: {error}", file=sys.stderr)
        return 0 if options.dead else 1
    except TableError as error:
        print(f"heartbeat.py: {error}", file=sys.stderr)
        return error.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
