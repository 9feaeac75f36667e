"""`stop = command PROGRAM ARG... 10s TERM 5s KILL`: a command asks the server to end; signals follow if it does not.

The wait of the command begins with it: that long may the command and the end of the server take together.  A command
that fails is reported, and the first signal follows at once.
"""

from __future__ import annotations

import time

from config.life_settings import asked
from loop.terminate import Ending
from watch.life_command import LifeCommand, told_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loop.host import Host
    from proc.server import Server


class _Begun(Ending):
    """An Ending whose first step is the wait for the command."""

    def begins(self) -> bool:
        """The command begins now; False: the process has ended already, and none is needed."""
        self._sent.append(("command", time.monotonic()))
        return self._done is not None

    def command_failed(self) -> bool:
        """Send the first signal now, if the wait for the command still lasts; False: it does not."""
        if not self._done or not self._timer or self._untaken or len(self._sent) > 1:
            return False
        self._timer.cancel()
        self._step()
        return True


def begin(
    host: Host, server: Server, who: Sequence[tuple[int, int]], done: Callable[[list[int]], None], reap: bool
) -> Ending:
    """End the process of the server, as Ending does; who: that process alone."""
    *argv, milliseconds = asked(server, "stop_command")
    command: LifeCommand | None = None

    def over(stuck: list[int]) -> None:
        if command:
            command.end()
        done(stuck)

    def ran(why: str, text: str) -> None:
        if why and ending.command_failed():
            host.say(server, f"the command of stop failed: {told_of(why, text)}")

    ending = _Begun(host.loop, who, [milliseconds, *server.stop], over, reap)
    if ending.begins():
        command = LifeCommand(host, server, "stop", argv, int(milliseconds), {"MONITOR_PID": str(who[0][0])}, ran)
    return ending
