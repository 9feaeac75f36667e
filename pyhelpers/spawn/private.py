"""In a child that is about to become a server, or a command of it: read the private files, and make its environment.

    private = Private(...)              with the rights of the monitor: the server's user need not read these files
    private.begin_run()                 or another word for which copies of the secrets it uses
    environment = private.environment(...)

Only this process ever has the values in memory, and the exec takes them away.  What we write down of a launch is a
fingerprint of the variables, by which `update` knows whether a file says something else now (state/fingerprint.py).
"""

from __future__ import annotations

from base import places
from base.exits import FAILED, Refused
from base.places import NoAnswer
from base.programs import LaunchError
from config import private_files, settled
from config.launch_settings import OF_OUR_SUPERVISOR
from config.life_settings import asked
from config.private_settings import PRIVATE
from config.private_values import DIRECTORY
from spawn import credentials
from state import fingerprint

TOLD = ("MONITOR_",)  # a command believes these

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from config.launch_settings import Launch
    from proc.server import Server


class Private:
    """What a process of a server with env_file or secrets gets at its exec.

    Its settings tell where its record is, absolute.  go_far: gets a path that may not answer, before we touch it.
    Raises Refused, as all of its methods but the last.
    """

    def __init__(self, server: Server, go_far: Callable[[str], None] = lambda path: None) -> None:
        self._server = server
        self._directory = server.launch.settings[PRIVATE]
        self._files = private_files.Private(server)
        self._given: dict[str, str] = {}
        for path in self._files.paths():
            try:
                places.require_answer(path)
            except NoAnswer:
                go_far(path)
        self._found = [(path, self._files.variables(path, patient=True)) for path in self._files.env_files]

    def begin_run(self) -> None:
        """It is the server: renew the copies of its secrets, which its start_pre may have done already."""
        self._renew(self._directory, is_same_run=bool(asked(self._server, "start_pre")))
        prints = fingerprint.Fingerprint.fresh(self._server.invocation)
        for path, variables in self._found:
            prints.add(path, variables)
        prints.write(self._directory)

    def begin_start(self) -> None:
        """It is start_pre: renew the copies, because those that are there belong to the run before."""
        self._renew(self._directory)

    def share(self, copies: str) -> None:
        """It is a command beside the server: it uses the copies that are there; if there are none, it makes them."""
        if copies and self._files.secrets:
            self._given[DIRECTORY] = copies
        else:
            self._renew(self._directory)

    def stand_apart(self, directory: str) -> None:
        """It is independent of the server: it gets copies of its own, under the name of this directory."""
        self._renew(directory)

    def _renew(self, directory: str, is_same_run: bool = False) -> None:
        if not self._files.secrets:
            return
        secrets = {name: self._files.secret(name, path, patient=True) for name, path in self._files.secrets}
        if sum(map(len, secrets.values())) > private_files.MOST_SECRETS:
            raise Refused(FAILED, f"secrets: more than {private_files.MOST_SECRETS} bytes; name smaller files")
        try:
            self._given[DIRECTORY] = credentials.renew(directory, secrets, self._server.ids, is_same_run)
        except OSError as error:
            raise Refused(FAILED, f"secrets: {error.strerror}") from None

    def environment(self, launched: Mapping[str, str], ours: tuple[str, ...] = ()) -> dict[str, str]:
        """Its environment.  launched: that without the private files; ours: how names begin that no file may set.

        `environment` of conf, and what the monitor sets, override a file.
        """
        named = [
            pair.partition("=")[0] for pair in settled.elements(self._server.launch.settings.get("environment", ""))
        ]
        variables = {name: value for _, variables in self._found for name, value, _ in variables}
        variables = {name: value for name, value in variables.items() if not name.startswith(ours)}
        stronger = {name: launched[name] for name in (*named, *OF_OUR_SUPERVISOR) if name in launched}
        found = {**launched, **variables, **stronger, **self._given}
        if "INVOCATION_ID" in found:
            found["INVOCATION_ID"] = found.pop("INVOCATION_ID")  # last: see Launch.mark()
        return found


def complete(server: Server, what: Launch, choose: Callable[[Private], None]) -> None:
    """Complete the environment of a program that runs beside the server, or before it.

    choose: which copies of its secrets it uses, one of the methods of Private.  Raises LaunchError.
    """
    try:
        private = Private(server)
        choose(private)
    except Refused as refused:
        raise LaunchError(refused.status, str(refused)) from None
    what.environment = private.environment(what.environment, TOLD)
