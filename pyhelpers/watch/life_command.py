"""One run of a command around the life of a server: start_pre, start_post, stop_post, reload, the command of stop.

It runs as the server would: as its user, in its directory, with its environment and limits, but in a session and a
cgroup of its own.  When it has ended, or its time is over, all that it started ends too: see loop/run_limited.py.
"""

from __future__ import annotations

from base.programs import LaunchError
from health.probe_command import launch_beside
from loop.deadline import Patience
from loop.run_limited import Bounds, Run
from proc.beside import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from config.launch_settings import Launch
    from loop.host import Reaper
    from proc.server import Server
    from watch.redactor import Redactor

    # why it failed, "" if it did not, and what it printed last
    Done = Callable[[str, str], None]

KEPT = 1 << 12  # bytes of what it printed last
BOUNDS = Bounds(kept=KEPT, steps=["TERM", "2000", "KILL"], rest_ms=1, last=True)


class LifeCommand:
    """The run.  done: called once, when the command and what it left running have ended, or cannot be ended.

    key: of conf; milliseconds: how long it may take; told: what is added to its environment.
    status: why it was not executed, an exit status; 0: it was.
    """

    def __init__(
        self,
        host: Reaper,
        server: Server,
        key: str,
        argv: Sequence[str],
        milliseconds: int,
        told: Mapping[str, str],
        done: Done,
    ) -> None:
        self._server = server
        self._key = key
        self._done = done
        self._why = self._output = ""
        self._is_finished = False
        self.status = 0
        self._limit = f"no end after {milliseconds / 1000:g}s"
        what = launch_beside(server, argv)
        what.settings = dict(server.launch.settings)
        if not server.pid:
            del what.environment["MONITOR_PID"]
        what.environment.update(told, **{MARK: key})
        self._patience = Patience(host.loop, milliseconds, self._late)
        self._run: Run | None = None
        self._redactor: Redactor | None = None
        try:
            is_private = "private" in what.settings
            self._run = self._launch_private(host, what) if is_private else self._launch(host, what)
        except (LaunchError, OSError) as error:
            self._why = getattr(error, "reason", "") or getattr(error, "strerror", "")
            host.loop.after(0, self._finish)

    def _launch(self, host: Reaper, what: Launch, prepare: Callable[[], None] | None = None) -> Run:
        return Run(host, what, BOUNDS, self._ended, self._finish, prepare)

    def _launch_private(self, host: Reaper, what: Launch) -> Run:
        """With env_file or secrets: no value comes to this process, neither from a file nor by what it prints."""
        from spawn import credentials
        from watch.redactor import Redactor

        copies = credentials.of_this_run(what.settings["private"])  # now: a stop may remove them before the child looks

        def prepare() -> None:
            from spawn.private import Private, complete  # only the child needs it

            is_first = self._key == "start_pre"
            complete(self._server, what, Private.begin_start if is_first else lambda private: private.share(copies))

        self._redactor = Redactor(host.loop, self._server, KEPT)
        what.output_fd = self._redactor.output
        try:
            return self._launch(host, what, prepare)
        finally:
            self._redactor.begun()

    def _ended(self, how: str, output: str, refused: LaunchError | None) -> None:
        self._output = output
        if refused:
            self._why, self.status = refused.reason, refused.status
        elif how:
            self._why = "" if how == "exit 0" else how
        else:  # it was end() that ended it, or there is no way to end it
            self._finish()
            return
        self._end_all()

    def _late(self) -> None:
        self._why = self._limit
        self._end_all()

    def end(self) -> None:
        """It is no longer wanted: end it.  done is called all the same, when it has ended."""
        self._why = self._why or "it was ended, for it is no longer wanted"
        self._end_all()

    def _end_all(self) -> None:
        self._patience.end()
        if self._run:
            self._run.end()

    def _finish(self) -> None:
        if self._is_finished:
            return  # a process that could not be ended has ended at last
        self._is_finished = True
        self._patience.end()
        if self._redactor:
            self._redactor.end(self._tell)
        else:
            self._tell(self._text())

    def _tell(self, text: str) -> None:
        self._done(self._why, text if self._why else "")

    def _text(self) -> str:
        if not self._why or not self._output:
            return ""
        from base import last_words

        raw = self._output.encode()
        return last_words.text_of(raw, len(raw) >= KEPT, self._server.secrets)


def told_of(why: str, text: str) -> str:
    """Why it failed, in one line, with the line of what it printed that says most."""
    if not text:
        return why
    from base import last_words

    return f"{why}: {last_words.reason(text)}"
