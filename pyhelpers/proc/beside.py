"""Programs that run beside a server, for it: commands around its life, and what `exec` runs.

`nginx -t` or another copy of the server's program may look like the server; a mark in the environment tells them apart.
It is a hint for a search, not a proof: the user of the server can set it, and then only hides his own process.
"""

from __future__ import annotations

from proc import identity

MARK = "MONITOR_COMMAND"  # with the key of conf, or `exec`


def is_one(pid: int) -> bool:
    """Is this process such a program, or a descendant of one?  A helper that was killed leaves it running.

    Ask outside the loop: the kernel waits for the process's memory map (mmap_lock).
    """
    return f"\0{MARK}=" in f"\0{identity.text_of(f'/proc/{pid}/environ')}"
