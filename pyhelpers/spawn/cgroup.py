"""Make cgroups, put processes into them, end all that is in one, and remove it.  See proc/cgroup.py.

A process can be put into a cgroup before its exec or after.  The kernel lets no fork and no exit happen while it moves
a process, and waits for that until all processors have been idle or in the kernel once: 11 ms on an idle machine, while
posix_spawn takes 0.3 ms.  (With the mount option favordynmods it would be 0.04 ms.  clone3(2) with CLONE_INTO_CGROUP
makes a process in the cgroup, without that wait, but posix_spawn(3) has it only since glibc 2.39, and Python not at
all.)  To go there ourselves, spawn, and go back costs the same wait, before the exec, while the loop stands still.

So a server without caps is executed first, and moved right afterwards, by a child of ours (loop/cgroups.py): the
restart is as fast as without cgroups.  What the server has started meanwhile is moved too, if it is still below the
server; what has left it within these milliseconds is proved by session and INVOCATION_ID, as everywhere.  A server with
caps, a check and a hook go there themselves before the exec: join().
"""

from __future__ import annotations

import os

from proc import cgroup, controllers, identity

PPID, TICKS = 1, 19  # places in identity.stat_fields()


def make(directory: str) -> None:
    """Make this cgroup; others may read it, as a JVM does.  Raises OSError; FileExistsError: it is not ours."""
    mask = os.umask(0o022)
    try:
        os.mkdir(directory)
    finally:
        os.umask(mask)


def join(directory: str) -> bool:
    """Make it, and put the calling process into it; False: the kernel refuses that."""
    try:
        make(directory)
        write(directory, "cgroup.procs", "0")
    except OSError:
        remove(directory)
        return False
    return True


def take_in(directory: str, pid: int, ticks: int) -> str:
    """Make it, and put the process into it, with those that are below it; the reason if the kernel refuses that."""
    try:
        make(directory)
        if not _move(directory, pid, ticks):
            remove(directory)
            return ""
        _take_in_children(directory, pid)
    except OSError as error:
        remove(directory)
        return "" if isinstance(error, ProcessLookupError) else error.strerror or repr(error)
    return ""


def _take_in_children(directory: str, parent: int) -> None:
    """What a process starts after it was moved is in the cgroup by itself; so move the parent first."""
    for pid in _children(parent):
        fields = identity.stat_fields(pid)
        if fields and int(fields[PPID]) == parent and _move(directory, pid, int(fields[TICKS])):
            _take_in_children(directory, pid)


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [child for thread in threads for child in identity.children(pid, int(thread))]


def _move(directory: str, pid: int, ticks: int) -> bool:
    """Put it there; False: it has ended.

    The kernel knows processes by their numbers here.  If another process has got the number meanwhile, it is in the
    cgroup now, and would be ended with it: put it where we are, because no one ends that.
    """
    try:
        write(directory, "cgroup.procs", str(pid))
    except ProcessLookupError:
        return False
    if identity.ticks_of(pid) == ticks:
        return True
    try:
        write(cgroup.own(), "cgroup.procs", str(pid))
    except ProcessLookupError:
        pass
    return False


def kill(directory: str) -> bool:
    """Kill all that is in it and below it, in one step; False: not here (Linux < 5.14)."""
    try:
        write(directory, "cgroup.kill", "1")
    except OSError:
        return False
    return True


def remove(directory: str) -> bool:
    """Remove it with its namesakes in version 1, and with what the server has made below, if nothing is in them.

    False: something is.
    """
    gone = [_remove(place) for place in (directory, *controllers.namesakes(directory))]
    return all(gone)


def _remove(directory: str) -> bool:
    try:
        for place in cgroup.below(directory):
            _remove(place)
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except (OSError, RecursionError):
        return False  # something is in it
    return True


def write(directory: str, name: str, text: str) -> None:
    """Write into a file of a cgroup, which must be there.  Raises OSError."""
    fd = os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
