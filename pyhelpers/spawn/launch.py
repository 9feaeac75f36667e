"""Execute a program in a clean state, and know for certain that it was executed.

The program gets a session of its own, standard input from /dev/null, output to /dev/null or a
file, each signal at its default and none blocked, and umask, user and limits as conf sets them.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the enums of signal took a child 6 ms of its 13 before the exec
import errno
import os
import stat

from base import files, mounts, places
from base.exits import CANNOT_EXECUTE, FAILED
from base.ids import parsed
from base.programs import LaunchError
from config.launch_settings import MOST, Launch
from spawn import nofile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# All signals that can be reset: not KILL and STOP, nor 32 and 33, which the C library uses for its threads
RESETTABLE = [number for number in range(1, 65) if number not in (9, 19, 32, 33)]

OUTPUT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def needs_fork(launch: Launch) -> bool:
    """Does the launch need what posix_spawn cannot set: user, limits, caps, LISTEN_PID?"""
    return bool(launch.ends or launch.caps) or any(launch.settings.values())


def spawn(launch: Launch, program: str, directory: int = -1) -> int:
    """Start it as our child, leader of its own session; returns its pid after exec has succeeded.

    posix_spawn(3) suspends us until the exec, so its result is certain, and from Python it is four times faster than
    fork.  Use it only if program and directory answer and needs_fork() is false.  directory: a descriptor of
    launch.directory, if it is open.
    Changes the working directory of the calling process.  Raises LaunchError, NoAnswer.
    """
    try:
        os.chdir(launch.directory if directory < 0 else directory)
    except OSError as error:
        raise LaunchError(126, f"dir {launch.directory}: {error.strerror}") from None
    output = _output(launch)
    mask = os.umask(launch.umask)
    try:
        nofile.lower()
        return _posix_spawn(launch, program, output)
    except OSError as error:
        raise refusal(program, error) from None
    finally:
        nofile.restore()
        os.umask(mask)
        if launch.output_fd < 0:
            os.close(output)


def _posix_spawn(launch: Launch, program: str, output: int) -> int:
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    argv, environment = launch.argv, launch.environment
    with nofile.Lent(output, 0) as low_output, nofile.Lent(launch.input_fd, 1) as low_input:
        stdio = [
            null if low_input < 0 else (os.POSIX_SPAWN_DUP2, low_input, 0),
            (os.POSIX_SPAWN_DUP2, low_output, 1),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        return os.posix_spawn(
            program, argv, environment, file_actions=stdio, setsid=True, setsigmask=[], setsigdef=RESETTABLE
        )


def _output(launch: Launch, patient: bool = False) -> int:
    """The descriptor for its output; note how large its file is.  Raises LaunchError, NoAnswer."""
    if launch.output_fd >= 0:
        return launch.output_fd
    output = open_output(launch.output, patient)
    launch.output_began = os.fstat(output).st_size
    return output


def open_output(path: str, patient: bool = False) -> int:
    """A descriptor that appends to the output file; path may be a device if only root may put one there.

    A FIFO is refused: its reader could block us and the server.  Raises LaunchError, NoAnswer.
    """
    if path == os.devnull:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        place, name = places.beside(path if path.startswith("/") else f"{os.getcwd()}/{path}", None, patient)
        with place:
            if not place.swappable and _is_device(name, place.fd):
                return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.fd)
            fd = place.regular(name, OUTPUT_FLAGS)
    except OSError as error:
        raise LaunchError(126, f"output {path}: {error.strerror}") from None
    os.set_blocking(fd, True)
    return fd


def _is_device(name: str, directory: int) -> bool:
    try:
        return stat.S_ISCHR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def refusal(program: str, error: OSError) -> LaunchError:
    """The reason for which execve(2) refused the program, as a message."""
    if error.errno in (errno.EAGAIN, errno.ENOMEM):
        return no_process(error)
    from base import executable  # only a failure needs it

    return LaunchError(*executable.refused(program, error))


def no_process(error: OSError) -> LaunchError:
    """The reason for which fork(2) failed; the next attempt may succeed."""
    return LaunchError(FAILED, f"no process can be made for it: {error.strerror}")


def hear(told: int) -> str:
    """Read the pipe to its end, which is the exec; return its first line, if it has one.

    Text behind that line, `STATUS REASON`, is a failure: raises LaunchError.
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
            write_pidfile(launch.pidfile)
        if launch.settings.get("limit_nofile"):  # ours may be more than it allows: it must have room for new ones
            close_all_but([tell, launch.input_fd, launch.output_fd, *(fd for _, fd in launch.ends)])
        take_state(launch)
        tell, environment = take_ends(launch, tell)
        execute(launch, program, environment)
    except LaunchError as refused:
        failure = refused
    except OSError as error:
        failure = refusal(program, error)
    fail(tell, f"{failure.status} {failure.reason}")


def fail(tell: int, text: str) -> None:
    """In a child: report why it cannot become the program, and end it, whatever happens.  Never returns.

    A child that went on would do its parent's work a second time, perhaps as another user.
    """
    try:
        os.write(tell, text.encode("utf-8", "surrogateescape"))
    finally:
        os._exit(127)


def execute(launch: Launch, program: str, environment: dict[str, str]) -> None:
    """execve(2), with the servers' limit of open files: until now we may have needed our own.  Raises OSError."""
    if not launch.settings.get("limit_nofile"):
        nofile.lower()
    os.execve(program, launch.argv, environment)


def write_pidfile(path: str) -> None:
    """Write our pid.  Several may write one pidfile at once, so each writes its own file first.  Raises LaunchError."""
    try:
        files.replace(path, f"{os.getpid()}\n", 0o644, f"{path}.{os.getpid()}")
    except OSError as error:
        raise LaunchError(CANNOT_EXECUTE, f"pidfile {path}: {error.strerror}") from None


def take_ends(launch: Launch, tell: int) -> tuple[int, dict[str, str]]:
    """Move the ends to where sd_listen_fds(3) expects them, from 3 on; return the new tell and the environment.

    First copy all of them above those numbers, so that none overwrites another.  The copies, and all our other
    descriptors, are closed by the exec.
    """
    if not launch.ends:
        return tell, launch.environment
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
    """Apply the launch's rights, and then, with the user's rights, its directory and output.

    These two may block.  Raises LaunchError, OSError.
    """
    take_rights(launch)
    try:
        os.chdir(launch.directory)
    except OSError as error:
        raise LaunchError(126, f"dir {launch.directory}: {error.strerror}") from None
    take_stdio(launch)


def take_rights(launch: Launch) -> None:
    """Apply the launch's signals, limits, user and umask to this process.  Raises LaunchError, OSError."""
    for number in RESETTABLE:
        _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    _settle(launch)
    os.umask(launch.umask)


def take_stdio(launch: Launch) -> None:
    """Apply the launch's standard input and output; opening the output may block.  Raises LaunchError, OSError."""
    null = os.open(os.devnull, os.O_RDONLY) if launch.input_fd < 0 else launch.input_fd
    output = _output(launch, patient=True)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)


def _settle(launch: Launch) -> None:
    """Apply the settings; those that need privileges first, the user last but one, no_new_privileges last."""
    settings = launch.settings
    for key in Launch.SETTINGS[2:-1] + Launch.SETTINGS[:2] + Launch.SETTINGS[-1:]:
        value = settings.get(key, "")
        if not value:
            continue
        try:
            if key == "user" or (key == "group" and not settings.get("user")):
                _become(launch)
            elif key != "group":
                _set(key, value)
        except (OSError, ValueError) as error:
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
        limit = getattr(resource, which)
        amount = int(value) if value != MOST else _highest(resource.getrlimit(limit)[1])  # -1 is RLIM_INFINITY
        resource.setrlimit(limit, (amount, amount))


def _highest(hard: int) -> int:
    """The highest limit that we may set: with the rights of root any, else our own hard one."""
    return -1 if os.geteuid() == 0 else hard


def _become(launch: Launch) -> None:
    """Become its user and group, by the numbers in the settled conf; if there are none, look them up now."""
    ids = launch.ids
    if not ids:
        from config import accounts

        user, group = launch.settings.get("user", ""), launch.settings.get("group", "")
        ids = parsed(accounts.ids_of(user, group))
        if not ids:
            raise ValueError(accounts.unknown(user, group))
    ids.become()


def _prctl(option: int, value: int) -> None:
    from ctypes import CDLL, get_errno  # an ImportError if Python finds no more of it than its directory

    libc = CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(get_errno(), os.strerror(get_errno()))


def become_subreaper() -> None:
    """Make orphaned descendants our own children (PR_SET_CHILD_SUBREAPER of prctl(2)); exec keeps it."""
    _prctl(36, 1)


def close_all_but(kept: Sequence[int]) -> None:
    """Close every descriptor above 2 except those in kept: all of them, not only the first 128."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            _close_quietly(int(name))
    mounts.forget()


def close_inherited() -> None:
    """Close every descriptor above 2 that we inherited: unlike our own, those are not close-on-exec."""
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
