"""Execute a program in a clean state, and know for certain that it was executed.

A session of its own, standard input from /dev/null, output to /dev/null or a file, every
signal at its default and none blocked, umask, user and limits as asked for.
"""

from __future__ import annotations

import errno
import os

from base import files
from base.exits import CANNOT_EXECUTE
from base.programs import LaunchError
from config.launch_settings import Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# All that can be reset: not KILL and STOP, nor 32 and 33, which the C library keeps for its threads
RESETTABLE = [number for number in range(1, 65) if number not in (9, 19, 32, 33)]

OUTPUT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NOCTTY
OUTPUT_MODE = 0o644


def spawn(launch: Launch, program: str) -> int:
    """Start it as our child, leader of its own session; returns its pid once exec succeeded.

    posix_spawn(3) suspends us until the exec: what it returns is certain, and it is four times
    faster than fork from a Python.  What it cannot do (user, limits, LISTEN_PID, pidfile) takes the road over fork.
    Changes the working directory of the calling process.  Raises LaunchError.
    """
    try:
        os.chdir(launch.directory)
    except OSError as error:
        raise LaunchError(126, f"dir {launch.directory}: {error.strerror}") from None
    if launch.ends or launch.pidfile or any(launch.settings.values()):
        return _spawn_by_fork(launch, program)
    if launch.output != os.devnull and launch.output_fd < 0:
        os.close(_open_output(launch.output))  # to say what is wrong with it: posix_spawn could not
    mask = os.umask(launch.umask)
    try:
        _set_nofile(_servers_nofile)
        return _posix_spawn(launch, program)
    except OSError as error:
        raise refusal(program, error) from None
    finally:
        _set_nofile(_our_nofile)
        os.umask(mask)


def _posix_spawn(launch: Launch, program: str) -> int:
    output = (os.POSIX_SPAWN_OPEN, 1, launch.output, OUTPUT_FLAGS, OUTPUT_MODE)
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    stdio = [
        null if launch.input_fd < 0 else (os.POSIX_SPAWN_DUP2, launch.input_fd, 0),
        output if launch.output_fd < 0 else (os.POSIX_SPAWN_DUP2, launch.output_fd, 1),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    argv, environment = launch.argv, launch.environment
    return os.posix_spawn(
        program, argv, environment, file_actions=stdio, setsid=True, setsigmask=[], setsigdef=RESETTABLE
    )


_our_nofile = _servers_nofile = 0  # soft limits, once ours was raised


def raise_nofile(number: int) -> None:
    """Allow ourselves so many open files; what we spawn gets the limit that was."""
    global _our_nofile, _servers_nofile
    import resource

    _our_nofile, _servers_nofile = number, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    _set_nofile(number)


def _set_nofile(number: int) -> None:
    if number:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (number, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def _open_output(path: str) -> int:
    try:
        return os.open(path, OUTPUT_FLAGS, OUTPUT_MODE)
    except OSError as error:
        raise LaunchError(126, f"output {path}: {error.strerror}") from None


def refusal(program: str, error: OSError) -> LaunchError:
    """What execve(2) said of the program, in words."""
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
        hear(told)
    except LaunchError:
        os.waitpid(pid, 0)
        raise
    return pid


def hear(told: int) -> str:
    """Wait for the end of the pipe, which exec closes: its first line, if there is one.

    What was written behind that, `STATUS REASON`, is a failure: raises LaunchError.
    """
    with open(told, encoding="utf-8", errors="surrogateescape") as pipe:
        line, _, failure = pipe.read().rpartition("\n")
    if failure:
        status, _, reason = failure.partition(" ")
        raise LaunchError(int(status), reason)
    return line


def become(launch: Launch, program: str, tell: int) -> None:
    """Turn this process into the program; never returns.  A failure is written to the descriptor tell."""
    try:
        if launch.pidfile:
            _write_pidfile(launch.pidfile)
        if launch.settings.get("limit_nofile"):  # ours may be more than it allows: it must have room for new ones
            close_all_but([tell, launch.input_fd, launch.output_fd, *(fd for _, fd in launch.ends)])
        take_state(launch)
        environment = launch.environment
        if launch.ends:
            tell, environment = _take_ends(launch, tell)
        os.execve(program, launch.argv, environment)
    except LaunchError as refused:
        failure = refused
    except OSError as error:
        failure = refusal(program, error)
    os.write(tell, f"{failure.status} {failure.reason}".encode("utf-8", "surrogateescape"))
    os._exit(127)


def _write_pidfile(path: str) -> None:
    """Several may write one at once: each has a name of its own until it is whole.  Raises LaunchError."""
    try:
        files.replace(path, f"{os.getpid()}\n", 0o644, f"{path}.{os.getpid()}")
    except OSError as error:
        raise LaunchError(CANNOT_EXECUTE, f"pidfile {path}: {error.strerror}") from None


def _take_ends(launch: Launch, tell: int) -> tuple[int, dict[str, str]]:
    """Put the ends where sd_listen_fds(3) seeks them, from 3 on; where tell is now, and the environment.

    First all of them go out of each other's way.  The copies, and whatever else we have, end with exec.
    """
    import fcntl

    above = 3 + len(launch.ends)
    tell = fcntl.fcntl(tell, fcntl.F_DUPFD_CLOEXEC, above)
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for _, fd in launch.ends]
    for number, copy in enumerate(copies, 3):
        os.dup2(copy, number)
    if not launch.told:
        return tell, launch.environment
    names = ":".join(name for name, _ in launch.ends)
    told = {"LISTEN_FDS": str(len(copies)), "LISTEN_FDNAMES": names, "LISTEN_PID": str(os.getpid())}
    return tell, {**launch.environment, **told}


def take_state(launch: Launch) -> None:
    """Take on what the launch asks for: signals, limits, user; then, with the user's rights, directory and output.

    Raises LaunchError, OSError.
    """
    import signal

    for number in RESETTABLE:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _set_nofile(_servers_nofile)
    _settle(launch.settings)
    os.umask(launch.umask)
    try:
        os.chdir(launch.directory)
    except OSError as error:
        raise LaunchError(126, f"dir {launch.directory}: {error.strerror}") from None
    source = os.open(os.devnull, os.O_RDONLY) if launch.input_fd < 0 else launch.input_fd
    output = _open_output(launch.output) if launch.output_fd < 0 else launch.output_fd
    for ours, target in ((source, 0), (output, 1), (output, 2)):
        os.dup2(ours, target)


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
