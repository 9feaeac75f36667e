"""Make cgroups, put processes into them, end all that is in one, and remove it.  See proc/cgroup.py.

A process can be put into a cgroup before its exec or after.  The kernel lets no fork and no exit happen while it moves
a process, and waits for that until all processors have been idle or in the kernel once: 11 ms on an idle machine, while
posix_spawn takes 0.3 ms.  (With the mount option favordynmods it would be 0.04 ms.  clone3(2) with CLONE_INTO_CGROUP
makes a process in the cgroup, without that wait, but posix_spawn(3) has it only since glibc 2.39, and Python not at
all.)  To go there ourselves, spawn, and go back costs the same wait, before the exec, while the loop stands still.

So a server without caps is executed first, and moved right afterwards, by a child of ours (loop/cgroups.py,
spawn/cgroups.sh): the restart is as fast as without cgroups.  What the server has started meanwhile is moved too, if it
is still below the server; what has left it within these milliseconds is proved by session and INVOCATION_ID, as
everywhere.  A server with caps, a check and a hook go there themselves before the exec: join().
"""

from __future__ import annotations

import os

from proc import cgroup, controllers


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
