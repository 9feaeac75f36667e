"""Run a program once as a server runs: as its user, in its directory, with its environment and limits, in its cgroup.

    $ python3 -E -s pyhelpers/execute.py ROOT CONF_DIR STATE_DIR CWD web -- ./manage.py migrate

The program takes the place of this one: it has the terminal, and its exit status is that of the command.  But one that
root runs as another user gets a terminal of its own, and this one stays until it ends (operate/own_terminal.py).  Its
environment is that of the caller, with what conf sets for the server; env_file and secrets too, of which it gets copies
of its own.  It joins the cgroup that the server has now, and with that its caps; then a stop of the server ends it too.
If the server does not run, there is none to join.

Exit: that of the program · 1 no copies of its secrets can be made · 2 usage · 4 no permission · 6 not configured ·
126 the program cannot be executed, or not with this user and these limits · 127 the program is not there.
"""

from __future__ import annotations

import os
import sys

from base.exits import CANNOT_EXECUTE, NOT_CONFIGURED, USAGE, Refused
from base.programs import LaunchError
from config.launch_settings import Launch
from operate.command_line import end
from operate.context import Place, is_glob
from operate.look import Look
from proc import cgroup, controllers
from proc.beside import MARK
from spawn import cgroup as joining
from spawn import launch
from state.paths import server_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.ids import Ids
    from proc.server import Server


def parse(words: list[str]) -> tuple[str, list[str]]:
    """The name of the server, and the program with its arguments.  Raises Refused."""
    if len(words) < 3 or words[1] != "--":
        raise Refused(
            USAGE, "exec needs a server, -- and a program, as in: ./monitor.sh exec web -- ./manage.py migrate"
        )
    if is_glob(words[0]) or words[0] == "all":
        raise Refused(USAGE, f"exec runs a program for one server, not for {words[0]}; name one")
    return words[0], words[2:]


def launch_as(server: Server, argv: list[str]) -> Launch:
    """How to run the program as this server runs."""
    of = server.launch
    found = Launch(argv, of.directory)
    found.environment = dict(of.environment)
    found.environment.update({MARK: "exec"}, MONITOR_SERVER=server.name, MONITOR_PORT=str(server.port or ""))
    if "TERM" in os.environ and any(map(os.isatty, range(3))):
        found.environment.setdefault("TERM", os.environ["TERM"])  # what it shows in, also in a clean environment
    found.umask, found.settings, found.ids = of.umask, of.settings, of.ids
    found.mark()
    return found


def join_cgroup(server: Server, state_dir: str) -> None:
    """Move this process into the cgroup of the living server, if it has one."""
    look = Look([server], state_dir, is_brief=True)
    living = look.living[server.kept_in]
    known = look.record_of(server)
    if not living or known["pid"] != str(living[0].pid) or not cgroup.is_ours(known["cgroup"]):
        return
    try:
        joining.write(known["cgroup"], "cgroup.procs", "0")
        for place in filter(os.path.isdir, controllers.namesakes(known["cgroup"])):
            joining.write(place, "tasks", "0")
    except OSError as error:
        print(f"{server.shown}: its cgroup cannot be joined: {error.strerror}; run without it", file=sys.stderr)


def give_terminal(server: Server, ids: Ids) -> None:
    """If it is another user's, go on in a child that has a terminal of its own.  Raises Refused."""
    from operate import own_terminal

    try:
        if own_terminal.is_needed(ids):
            own_terminal.go_on_in_own(ids)
    except OSError as error:
        words = (
            f"no terminal can be made for it: {error.strerror}; mount devpts on /dev/pts, or run it without a terminal"
        )
        raise Refused(CANNOT_EXECUTE, f"{server.shown}: {words}") from None


def become(what: Launch) -> None:
    """Turn this process into the program; never returns.  Raises LaunchError, OSError."""
    launch.take_rights(what)
    try:
        os.chdir(what.directory)
    except OSError as error:
        raise LaunchError(CANNOT_EXECUTE, f"dir {what.directory}: {error.strerror}") from None
    program = what.program()
    try:
        launch.execute(what, program, what.environment)
    except OSError as error:
        raise launch.refusal(program, error) from None


def execute(place: Place, words: list[str]) -> int:
    """Carry out the command line; returns only if that fails.  Raises Refused, settle.ConfError."""
    name, argv = parse(words)
    place.require_owner("exec")
    found = place.servers([name])
    if len(found) != 1:
        raise Refused(NOT_CONFIGURED, f"{name} means {len(found)} servers; name one")
    server = found[0]
    what = launch_as(server, argv)
    if what.ids:
        give_terminal(server, what.ids)
    try:
        if "private" in what.settings:
            from operate import own_secrets

            own_secrets.complete(server, what, server_directory(place.state_dir, server.kept_in))
        join_cgroup(server, place.state_dir)
        become(what)
    except LaunchError as failure:
        raise Refused(failure.status, f"{server.shown}: {failure.reason}") from None
    return CANNOT_EXECUTE


def main(argv: list[str]) -> int:
    """The command line; returns the exit status of a failure."""
    return end(lambda: execute(Place(*argv[:4]), argv[4:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
