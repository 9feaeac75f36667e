#!/usr/bin/env python3
"""Start a program as a daemon, and say for certain whether it was started.

    $ pyhelpers/daeml.py --chdir /opt/im/msg_server ./msg_server
    Daemon loader: Launching './msg_server' as daemon...
    $ echo $?
    0

The program gets a session of its own without a terminal, the directory / unless
--chdir says another, umask 022, standard input from /dev/null, output to /dev/null or
--output, no other descriptor, every signal at its default and none blocked, and the
caller's environment.  The two forks are those of daemon(7).

Exit: 0 the program was executed · 126 it is there but cannot be executed, or one of
the settings cannot be had · 127 there is no such program · 2 usage.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# All that can be reset: not KILL and STOP, nor 32 and 33, which the C library keeps for its threads
RESETTABLE = [number for number in range(1, 65) if number not in (9, 19, 32, 33)]


class LaunchError(Exception):
    """The program was not executed; status is 126 or 127, the text says why and what to do."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Launch:
    """What to start and how.  Unset settings ("" or None) are inherited.

    argv: program and arguments.  directory: where it runs.  output: a file for stdout and
    stderr, appended to.  environment: the whole of it (our own).  umask: octal digits.  user, group:
    names or numbers.  nice, oom_score_adj, limit_*: numbers as text (-1: no limit); limit_memory in bytes.
    """

    SETTINGS = "user group nice oom_score_adj limit_nofile limit_core limit_memory no_new_privileges".split()

    __slots__ = ("argv", "directory", "environment", "output", "settings", "umask")

    def __init__(self, argv: Sequence[str], directory: str = "/", output: str = "/dev/null") -> None:
        self.argv = list(argv)
        self.directory = directory
        self.output = output
        self.environment: Mapping[str, str] = os.environ
        self.umask = 0o022
        self.settings: dict[str, str] = {}

    def program(self, here: str = "") -> str:
        """The path to execute; a relative one is sought from here, or from the directory it is to run in.

        Raises LaunchError when there is none or it cannot be executed.
        """
        return resolve(self.argv[0], here or self.directory, self.environment.get("PATH", os.defpath))


def resolve(name: str, directory: str, path: str) -> str:
    """Find a program as execvp(3) would from that directory.  Raises LaunchError (126, 127)."""
    found = ""
    for place in [""] if "/" in name else path.split(":"):
        candidate = os.path.normpath(os.path.join(directory, place, name))
        if os.path.isfile(candidate):
            found = found or candidate
            if os.access(candidate, os.X_OK):
                return candidate
    if found:
        raise LaunchError(126, f"{found} is not executable; chmod +x it")
    where = f"is not in {directory}" if "/" in name else "is not in PATH"
    raise LaunchError(127, f"{name} {where}")


def spawn(launch: Launch, program: str) -> int:
    """Start it as our child, leader of its own session; returns its pid once exec succeeded.

    posix_spawn(3) suspends us until the exec: what it returns is certain, and it is four times
    faster than fork from a Python.  What it cannot set (user, limits) takes the road over fork.
    Changes the working directory of the calling process.  Raises LaunchError.
    """
    try:
        os.chdir(launch.directory)
    except OSError as error:
        raise LaunchError(126, f"dir {launch.directory}: {error.strerror}") from None
    if any(launch.settings.values()):
        return _spawn_by_fork(launch, program)
    output = _open_output(launch.output)
    mask = os.umask(launch.umask)
    try:
        return os.posix_spawn(
            program,
            launch.argv,
            launch.environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=RESETTABLE,
        )
    except OSError as error:
        raise _refusal(program, error) from None
    finally:
        os.umask(mask)
        os.close(output)


def _open_output(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NOCTTY, 0o644)
    except OSError as error:
        raise LaunchError(126, f"output {path}: {error.strerror}") from None


def _refusal(program: str, error: OSError) -> LaunchError:
    if error.errno == errno.ENOEXEC:
        return LaunchError(126, f"{program}: neither a program for this machine nor a script that begins with #!")
    if error.errno == errno.ENOENT:
        return LaunchError(127, f"{program}: it, or the interpreter that it names, is not there")
    return LaunchError(126, f"{program}: {error.strerror}")


def _spawn_by_fork(launch: Launch, program: str) -> int:
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        become(launch, program, tell)
    os.close(tell)
    try:
        _hear(told)
    except LaunchError:
        os.waitpid(pid, 0)
        raise
    return pid


def _hear(told: int) -> None:
    """Wait for the end of the pipe, which exec closes; what was written into it is a failure."""
    with open(told, encoding="utf-8", errors="surrogateescape") as pipe:
        status, _, reason = pipe.read().partition(" ")
    if status:
        raise LaunchError(int(status), reason)


def become(launch: Launch, program: str, tell: int) -> None:
    """Turn this process into the program; never returns.  A failure is written to the descriptor tell."""
    try:
        _detach_and_settle(launch)
        os.execve(program, launch.argv, launch.environment)
    except LaunchError as refused:
        failure = refused
    except OSError as error:
        failure = _refusal(program, error)
    os.write(tell, f"{failure.status} {failure.reason}".encode("utf-8", "surrogateescape"))
    os._exit(127)


def _detach_and_settle(launch: Launch) -> None:
    """Signals, limits, user; then directory and output, which are opened with the user's rights."""
    import signal

    for number in RESETTABLE:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _settle(launch.settings)
    os.umask(launch.umask)
    try:
        os.chdir(launch.directory)
    except OSError as error:
        raise LaunchError(126, f"dir {launch.directory}: {error.strerror}") from None
    null, output = os.open("/dev/null", os.O_RDONLY), _open_output(launch.output)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)


def _settle(settings: dict[str, str]) -> None:
    """Apply the settings; those that need privileges first, the user last but one, no_new_privileges last."""
    for key in Launch.SETTINGS[2:-1] + Launch.SETTINGS[:2] + Launch.SETTINGS[-1:]:
        value = settings.get(key, "")
        if not value:
            continue
        try:
            if key == "user":
                _become_user(value, settings.get("group", ""))
            elif key == "group":
                if not settings.get("user"):
                    os.setgid(_gid(value))
            else:
                _set(key, value)
        except (OSError, ValueError, KeyError) as error:
            raise LaunchError(126, f"{key} = {value}: {getattr(error, 'strerror', None) or error}") from None


def _set(key: str, value: str) -> None:
    import resource

    if key == "nice":
        os.setpriority(os.PRIO_PROCESS, 0, int(value))
    elif key == "oom_score_adj":
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write(value)
    elif key == "no_new_privileges":
        if value == "1":
            _prctl(38, 1)  # PR_SET_NO_NEW_PRIVS
    else:
        which = {"limit_nofile": "RLIMIT_NOFILE", "limit_core": "RLIMIT_CORE", "limit_memory": "RLIMIT_AS"}[key]
        amount = int(value)  # -1 is RLIM_INFINITY
        resource.setrlimit(getattr(resource, which), (amount, amount))


def _become_user(user: str, group: str) -> None:
    import pwd

    entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    gid = _gid(group) if group else entry.pw_gid
    if (os.getuid(), os.getgid()) == (entry.pw_uid, gid) and os.getuid() != 0:
        return
    os.initgroups(entry.pw_name, gid)
    os.setgid(gid)
    os.setuid(entry.pw_uid)


def _gid(group: str) -> int:
    import grp

    return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid


def _prctl(option: int, value: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def become_subreaper() -> None:
    """Make orphaned descendants our own children (PR_SET_CHILD_SUBREAPER of prctl(2)); exec keeps it."""
    _prctl(36, 1)


def close_all_but(kept: Sequence[int]) -> None:
    """Close every descriptor above 2 that is not to be kept: all of them, not the first 128."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            _close_quietly(int(name))


def close_inherited() -> None:
    """Close every descriptor above 2 that we were started with: unlike our own, those are not close-on-exec."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and _inheritable(int(name)):
            os.close(int(name))


def _inheritable(fd: int) -> bool:
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False  # the one that was open while the directory was listed


def _close_quietly(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        pass  # the same


def daemonize(launch: Launch, program: str, pidfile: str = "") -> int:
    """Fork twice and execute the program (an absolute path); returns the daemon's pid.  Raises LaunchError.

    The middle process is gone when this returns; the daemon is nobody's child.
    """
    told, tell = os.pipe()
    middle = os.fork()
    if middle == 0:
        _second_fork(launch, program, told, tell, pidfile)
    os.close(tell)
    os.waitpid(middle, 0)
    with open(told, encoding="utf-8", errors="surrogateescape") as pipe:
        pid, _, failure = pipe.read().partition("\n")
    if failure:
        status, _, reason = failure.partition(" ")
        raise LaunchError(int(status), reason)
    return int(pid)


def _second_fork(launch: Launch, program: str, told: int, tell: int, pidfile: str) -> None:
    os.close(told)
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    os.write(tell, b"%d\n" % os.getpid())
    close_all_but([tell])
    try:
        if pidfile:
            _write_pidfile(pidfile)
    except OSError as error:
        os.write(tell, f"126 pidfile {pidfile}: {error.strerror}".encode("utf-8", "surrogateescape"))
        os._exit(126)
    become(launch, program, tell)


def _write_pidfile(path: str) -> None:
    fresh = f"{path}.{os.getpid()}"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    os.write(fd, b"%d\n" % os.getpid())
    os.close(fd)
    os.rename(fresh, path)


def _options(argv: Sequence[str]) -> tuple[Launch, str, str]:
    """What to launch, where a relative program is sought, and the pidfile ("" for none)."""
    import argparse

    parser = argparse.ArgumentParser(prog="daeml.py", description="Run a program as a daemon.", allow_abbrev=False)
    parser.add_argument(
        "--chdir", default="", metavar="DIR", help="where it runs (default /; then PROGRAM is sought from here)"
    )
    parser.add_argument("--output", default="/dev/null", metavar="FILE", help="for its stdout and stderr")
    parser.add_argument("--pidfile", default="", metavar="FILE", help="gets the daemon's pid")
    parser.add_argument("--umask", default="022", help="octal (default 022)")
    for key in Launch.SETTINGS[:-1]:
        parser.add_argument(f"--{key.replace('_', '-')}", default="", dest=key)
    parser.add_argument("--no-new-privileges", action="store_const", const="1", default="", dest="no_new_privileges")
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM [ARG...]", help="with path")
    chosen = parser.parse_args(argv)
    argv = chosen.program[1:] if chosen.program[:1] == ["--"] else chosen.program
    if not argv:
        parser.error("Missing program name to run as daemon!")
    launch = Launch(argv, os.path.abspath(chosen.chdir or "/"), os.path.abspath(chosen.output))
    launch.umask = int(chosen.umask, 8)
    launch.settings = {key: getattr(chosen, key) for key in Launch.SETTINGS}
    here = launch.directory if chosen.chdir else os.getcwd()
    return launch, here, os.path.abspath(chosen.pidfile) if chosen.pidfile else ""


def main(argv: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    launch, here, pidfile = _options(argv)
    print(f"Daemon loader: Launching '{launch.argv[0]}' as daemon...", flush=True)
    try:
        daemonize(launch, launch.program(here), pidfile)
    except LaunchError as failure:
        print(f"Error: Failed to execute '{launch.argv[0]}': {failure.reason}", file=sys.stderr)
        return failure.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
