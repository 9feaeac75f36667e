"""Who else may write this file?

A conf file or a hook that a stranger may change is a way into the suite, so we refuse it. A file is trusted if it
belongs to us or to root, no one else may write it, and no one else may replace it, which depends on its directory. For
a symlink we check the target and both directories. We do not check directories further up.

    $ cd pyhelpers; python3 -m config.trust conf/monitor.conf conf/servers/x.conf
    conf/servers/x.conf: may be written by others (mode 666); run: chmod go-w conf/servers/x.conf

Exit status: 0 all are trusted, 1 one is not, 2 usage, 4 one could not be checked.
Source: acl(5), inode(7) (the sticky bit); the checks are those of sshd's StrictModes, one directory deep.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    # what is wrong, and the command that fixes it; both "" if nothing is wrong
    Verdict = tuple[str, str]

GOOD = ("", "")

also: set[int] = set()  # trusted uids besides ours and root: see operate/context.py


def objection(path: str) -> str:
    """Why path is not trusted, as words that follow its name; "" if it is trusted. Raises OSError."""
    return judge(path)[0]


def judge(path: str) -> Verdict:
    """Judge a file and its directory, or only a directory: objection and remedy, or GOOD. Raises OSError."""
    status = os.stat(path)
    found = judge_status(path, status)
    if found != GOOD or (stat.S_ISDIR(status.st_mode) and not os.path.islink(path)):
        return found
    return judge_holders(path)


def judge_holders(path: str, owner: int = -1) -> Verdict:
    """Judge the directory of path and, if path is a symlink, that of its target. Raises OSError.

    owner: a uid that may own them besides ours and root; -1: none.
    """
    for holder in dict.fromkeys([os.path.dirname(path) or ".", os.path.dirname(os.path.realpath(path))]):
        status = os.stat(holder)
        # In a sticky directory only the owners of a file and of the directory may rename it.
        sticky = bool(status.st_mode & stat.S_ISVTX)
        words, remedy = _judge_owner(holder, status, owner) if sticky else judge_status(holder, status, owner)
        if words:
            return f"its directory {holder} {words}", remedy
    return GOOD


def judge_status(path: str, status: os.stat_result, owner: int = -1) -> Verdict:
    """Judge path by a result of stat or fstat, without its directory.  owner: as for judge_holders()."""
    found = _judge_owner(path, status, owner)
    if found != GOOD:
        return found
    if status.st_mode & stat.S_IWOTH:
        return f"may be written by others (mode {stat.S_IMODE(status.st_mode):o})", f"chmod go-w {_quoted(path)}"
    if status.st_mode & stat.S_IWGRP and _has_acl(path):
        return "may be written by those in its access list", f"setfacl -b {_quoted(path)}"
    if status.st_mode & stat.S_IWGRP and not _is_private_group(status.st_gid, status.st_uid):
        return f"{_group_words(status.st_gid)} may write it", f"chmod g-w {_quoted(path)}"
    return GOOD


def _quoted(path: str) -> str:
    import shlex  # slow to import; only an objection needs it

    return shlex.quote(path)


def _judge_owner(path: str, status: os.stat_result, owner: int = -1) -> Verdict:
    if status.st_uid in (0, os.geteuid(), owner, *also):
        return GOOD
    return f"belongs to uid {status.st_uid}, not to you", f"chown {os.geteuid()} {_quoted(path)}"


def _has_acl(path: str) -> bool:
    """Has path an access list?  The group bits are then only its mask, and do not show who may write."""
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:  # none set, or a file system without them
        return False


def _is_private_group(gid: int, uid: int) -> bool:
    """Is gid the primary group of uid, and has it no other member?  Usual where people work with umask 002."""
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    if owner.pw_gid != gid or any(member != owner.pw_name for member in group.gr_mem):
        return False
    return all(other.pw_uid == uid for other in pwd.getpwall() if other.pw_gid == gid)


def _group_words(gid: int) -> str:
    import grp

    try:
        return f"group {grp.getgrgid(gid).gr_name}"
    except KeyError:
        return f"group {gid}"


def main(paths: list[str]) -> int:
    """Print one line for each path that is not trusted."""
    if not paths or paths[0].startswith("-"):
        print("usage: python3 -m config.trust FILE...", file=sys.stderr)
        return 2
    worst = 0
    for path in paths:
        try:
            words, remedy = judge(path)
        except OSError as error:
            print(f"{path}: {error.strerror}", file=sys.stderr)
            worst = 4
            continue
        if words:
            print(f"{path}: {words}; run: {remedy}")
            worst = worst or 1
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
