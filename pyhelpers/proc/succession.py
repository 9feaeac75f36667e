"""A server has ended, and processes that look like it live.  Is one of them its successor?

    >>> sifted(dead, [worker, successor])
    [successor]

In a graceful restart a server starts its successor and ends: nginx after USR2, gunicorn after USR2, a Go server that
passes its listening socket to a child, `haproxy -sf`.  That is no death.  A worker whose master has died may look
the same: it has the same program, words, user and port.  These rules tell them apart; a successor meets all of them.

1. The old process ended in order: with exit status 0, or we could not learn how.  No server hands over by a crash.
   After a signal or another status we end what is left and start anew, whatever lives.
2. It has the full identity of the server (proc/evidence.py): so it has the same user, while most workers change theirs.
3. It has executed a program itself.  execve(2) puts the stack at a new random address (startstack in
   /proc/PID/stat); fork(2) keeps the address.  A worker is a fork, so it has the address of an image in which we saw
   its master: we note one at each look, because a server may also execute a program in place (haproxy in master mode);
   and we keep those of its predecessors, whose last workers may still answer their last requests.
4. It is the only one.  Of several, each with its own image, none is the successor: a master may execute its workers.
   The children of a successor do not count.
5. It holds the server's port.  If no port is configured, or it has not taken the port yet, its words are those of
   `command`.  A process that does not descend from the old one must hold a configured port: another instance
   may have the same program and user.

A pidfile needs no such rule: it names the successor, by the program's own word.

What we do not know makes a process a worker, never a successor: then the death is reported, the leftovers are ended,
and the server is started anew.  That ends a good process in the worst case, and leaves one server running in every
case.  A process that is taken for the successor has the identity, so in the worst case we follow a process
that serves, and the next start replaces it when it ends.  If it does not open the port within start_timeout, it hangs.

Descent is no condition: an operator starts `haproxy -sf` in a shell.  We follow such a process; only a proof
of descent lets us signal others on its behalf.

Source: proc(5); fs/binfmt_elf.c: load_elf_binary() sets mm->start_stack, kernel/fork.c: dup_mm() copies it.
"""

from __future__ import annotations

import os

from proc import identity, ports
from proc.cause import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from proc.identity import Process
    from proc.server import Server

    class Dead(Protocol):
        """The last process of a server: see loop/leftovers.py."""

        images: tuple[str, ...]
        parent: tuple[int, int]

        def left(self, process: Process) -> bool: ...  # noqa: D102


ORDERLY = ("exit 0", UNKNOWN)  # of cause.of_child() and cause.of_other()
MOST_IMAGES = 8
NO_RANDOMIZE = 0x0040000  # ADDR_NO_RANDOMIZE of personality(2)


def noted(images: tuple[str, ...], fields: Sequence[str]) -> tuple[str, ...]:
    """The images in which we have seen a server (identity.image), with the one of these stat fields."""
    image = identity.image(fields)
    return images if not image or image in images else (*images[1 - MOST_IMAGES :], image)


def is_worker(dead: Dead, process: Process) -> bool:
    """Is this process, which looks like the server, a fork of its last process, and not a successor?"""
    if process.image in dead.images:
        if _is_fork_of_parent(dead, process):
            return False  # a guard of the same program has started it
        return _has_random_stack(process.pid) or dead.left(process)
    return not (process.image and dead.images) and dead.left(process)


def _is_fork_of_parent(dead: Dead, process: Process) -> bool:
    """Is it a child of the dead one's parent, and a fork of that?  One that only inherits orphans has another image."""
    fields = identity.stat_fields(process.ppid) if process.ppid == dead.parent[0] else None
    return fields is not None and identity.image(fields) == process.image


def _has_random_stack(pid: int) -> bool:
    """Does only a fork have the stack address of another process?"""
    try:
        with open("/proc/sys/kernel/randomize_va_space") as setting, open(f"/proc/{pid}/personality") as its:
            return setting.read().strip() != "0" and not int(its.read(), 16) & NO_RANDOMIZE
    except (OSError, ValueError):
        return False


def sifted(dead: Dead, candidates: Sequence[Process]) -> list[Process]:
    """Those of the candidates, which look like the server, that may be it now that this process of it is dead.

    Its parent, if that still lives, is none: a guard of the same program looks like the server.
    """
    found = [each for each in candidates if each.pid != dead.parent[0] and not is_worker(dead, each)]
    pids = {each.pid for each in found}
    left = [each for each in found if dead.left(each)]
    heads = [each for each in left if each.ppid not in pids]
    return found if len(heads) < 2 else [each for each in found if each not in left]


def succeeds(server: Server, dead: Dead, process: Process) -> bool:
    """Rule 5 for a process that passed sifted(): does it hold the port, or have the words?"""
    if server.port and ports.holds(process.pid, ports.listening(server.port)):
        return True
    return (not server.port or dead.left(process)) and _has_words(process.argv(), server.argv)


def _has_words(argv: Sequence[str], command: Sequence[str]) -> bool:
    """Are the words of the command in this command line, in one piece?  argv: one element if it is a title."""
    program, *words = command
    if len(argv) == 1 and words:
        return " ".join(words) in argv[0]
    length = len(words)
    at = [index + 1 for index, word in enumerate(argv) if os.path.basename(word) == os.path.basename(program)]
    return any(list(argv[index : index + length]) == words for index in at)
