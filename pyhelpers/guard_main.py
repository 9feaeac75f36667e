"""Be the parent guard of a program: `daeml.py --guard` executes this file.

    $ pyhelpers/daeml.py --guard --info /run/im/guard --chdir /opt/im/msg_server ./msg_server
    Daemon loader: Launching './msg_server' as daemon...
    $ tr ' ' '\\n' </run/im/guard
    [ProcessInfo
    parent_id=811
    main_id=812
    parent_start_time=2026-11-20
    ...

spawn/guarding.py starts it in a fresh interpreter, so that the guard keeps no memory of the launcher:

    guard_main.py KEY=VALUE... -- PROGRAM [ARG...]

Exit: the program's status, 128 + N if signal N ended it · 126, 127 its first start failed, as in daeml.py.
"""

from __future__ import annotations

import os
import sys

from base.programs import LaunchError
from config.launch_settings import Launch
from guard import Guard
from spawn.launch import close_all_but, refusal, take_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard import ProcessInfo


class Program:
    """The program to execute.  output_is_ours: it inherits our stdout and stderr instead of launch.output."""

    def __init__(self, launch: Launch, path: str, output_is_ours: bool) -> None:
        self.launch = launch
        self.path = path
        self.output_is_ours = output_is_ours

    def become(self, info: ProcessInfo, words: str) -> None:
        """Write words to stderr, then execute the program.  Raises LaunchError."""
        ours = [os.dup(1), os.dup(2)] if self.output_is_ours else []
        try:
            take_state(self.launch)
            for target, source in enumerate(ours, 1):
                os.dup2(source, target)
            _say(words)
            os.execve(self.path, self.launch.argv, {**os.environ, **info.environment()})
        except OSError as error:
            raise refusal(self.path, error) from None


def _say(words: str) -> None:
    try:
        os.write(2, words.encode("utf-8", "surrogateescape"))
    except OSError:
        pass  # a full disk or a closed pipe must not prevent the start


def main(words: Sequence[str]) -> int:
    """Be the guard that the words describe; spawn/guarding.py writes them.  Returns the exit status."""
    end = words.index("--")
    options = dict.fromkeys(("output", "pidfile", "info", "tell", "always", "leaves"), "")
    options.update(word.partition("=")[::2] for word in words[:end])
    launch = Launch(words[end + 1 :], options["directory"], options["output"] or os.devnull)
    launch.umask = int(options["umask"], 8)
    launch.settings = {key: options.get(key, "") for key in Launch.SETTINGS}
    program = Program(launch, options["program"], not options["output"])
    tell = int(options["tell"] or 0)
    close_all_but([tell])
    if tell:
        os.set_inheritable(tell, False)
    os.chdir("/")  # hold no file system
    name, interval = os.path.basename(launch.argv[0]), int(options["interval"])
    ways = bool(options["always"]), bool(options["leaves"])
    return _keep(Guard(name, program, interval, options["pidfile"], options["info"], *ways), launch.argv[0], tell)


def _keep(guarded: Guard, name: str, tell: int) -> int:
    """Guard the program.  Report its first start to the launcher over `tell`, or on stderr if tell is 0."""
    try:
        return guarded.keep(lambda pid: _tell(tell, f"{pid}\n")) or 0
    except LaunchError as failure:
        _tell(tell, f"{failure.status} {failure.reason}")
        if not tell:
            print(f"Error: Failed to execute '{name}': {failure.reason}", file=sys.stderr)
        return failure.status


def _tell(tell: int, text: str) -> None:
    if not tell:
        return
    try:
        os.write(tell, text.encode("utf-8", "surrogateescape"))
    except BrokenPipeError:
        pass  # the launcher has ended; the program runs nevertheless
    os.close(tell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
