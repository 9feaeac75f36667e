"""Work on kept logs in a child: cut those that have grown too large, and compress what was cut off.

Both return lines `NUMBER REMARK` for a person; `NUMBER BYTES` says how much was cut off the head of a log.
"""

from __future__ import annotations

import os
import time

from base import places
from spawn import archives, turnover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from base.places import Place
    from spawn.turnover import Log

    Kept = tuple[int, str, int, int]  # a number for the caller, the name of the log, output_max, output_keep

CALM_SECONDS = 1.0  # without a cut: long enough to bridge the time between two monitors
LONGEST_SECONDS = 60.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.003, 0.02  # between two looks: the calmer, the longer
LOWEST = 19  # nice(2)


def may_cut(directory: str, name: str, which: tuple[int, int]) -> bool:
    """Is this the file which (device and inode), in a directory where no one can give root another one?

    Any other user may: it has no more rights there than the one who could do that.
    """
    with places.opened(directory, patient=True) as here:
        if os.geteuid() == 0 and here.swappable:
            return False
        status = os.stat(name, dir_fd=here.fd, follow_symlinks=False)
        return (status.st_dev, status.st_ino) == which


def cut_all(directory: str, kept: Sequence[Kept]) -> str:
    """Cut these logs, and again for as long as they grow fast: a new child for each cut would be too late."""
    text = ""
    _hurry()
    with places.opened(directory, patient=True) as here:
        logs = {each[0]: log for each in kept if (log := _opened(here, each))}
        began = last = time.monotonic()
        while time.monotonic() < min(last + CALM_SECONDS, began + LONGEST_SECONDS):
            if sum(map(_has_cut, logs.values())):
                last = time.monotonic()
            else:
                time.sleep(min(max((time.monotonic() - last) / 20, SHORTEST_PAUSE), LONGEST_PAUSE))
        for number, log in logs.items():
            _try(log, log.shorten)
            text += "".join(f"{number} {directory}/{log.name}: {remark}\n" for remark in log.remarks)
            text += f"{number} {log.removed}\n"
    return text


def _hurry() -> None:
    """Go before the writers, if we may: a log that they fill faster than we cut it would outgrow its room.

    This takes little from them, for we work only as much as they write.  Source: sched(7).
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        pass  # an ordinary user has no such right, and what we do is cheap


def _has_cut(log: Log) -> bool:
    return _try(log, log.turn_over)


def _try(log: Log, work: Callable[[], bool]) -> bool:
    """Work on that log, unless something failed there before."""
    if log.is_broken:
        return False
    try:
        return work()
    except OSError as error:
        log.is_broken = True
        log.remarks.append(f"not turned over: {error.strerror}")
        return False


def _opened(here: Place, kept: Kept) -> Log | None:
    number, name, most, keep = kept
    try:
        return turnover.Log(here, name, here.regular(name, os.O_RDWR), most, keep)
    except FileNotFoundError:
        return None  # someone has deleted it


def pack_all(directory: str, kept: Sequence[Kept]) -> str:
    """Compress the archives of these logs, when nothing else wants the processor."""
    os.nice(LOWEST)
    text = ""
    with places.opened(directory, patient=True) as here:
        for number, name, _, _ in kept:
            try:
                archives.Archives(here, name).pack()
            except OSError as error:
                text += f"{number} {directory}/{name}: its archives are not compressed: {error.strerror}\n"
    return text
