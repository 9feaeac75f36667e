"""Where do we stand: which suite, conf and state; which servers names mean there, and which monitors run?"""

from __future__ import annotations

import os

import conf
import confdir
import identity
import lock
import server as servers
from prepare import state_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from server import Server

GOOD, FAILED, USAGE, NO_PERMISSION, NOT_RUNNING = 0, 1, 2, 4, 7


class Refused(Exception):
    """The order was not carried out: status is for the exit."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Place:
    """root: the suite's directory; state_dir: settled from the option and conf.  Raises conf.ConfError, Refused."""

    def __init__(self, root: str, conf_dir: str, state_option: str, cwd: str) -> None:
        self.root, self.conf_dir, self.cwd = root, conf_dir, cwd
        suite = conf.Settled(confdir.ConfDir(conf_dir, root, cwd).suite(), [])
        self.state_dir = state_directory(root, state_option, suite)
        # who may not look into it would see no monitor, and not that he may not
        if os.path.isdir(self.state_dir) and not os.access(self.state_dir, os.R_OK | os.X_OK):
            raise Refused(NO_PERMISSION, f"{self.state_dir}: you may not look into it; be its owner")

    def servers(self, patterns: list[str]) -> list[Server]:
        """The servers that names, globs and `all` mean, each once.  Raises conf.ConfError, Refused."""
        words: list[str] = []
        for pattern in patterns:
            words += self._matching(pattern) if set(pattern) & set("*?[") else [pattern]
        settled = conf.settle(self.conf_dir, self.root, self.cwd, list(dict.fromkeys(words)))
        return servers.parse_settled(settled.text().split("\n")[:-1])[1]

    def _matching(self, pattern: str) -> list[str]:
        from fnmatch import fnmatchcase

        known = [server["name"] for server in conf.settle(self.conf_dir, self.root, self.cwd, ["all"]).servers]
        watched = f"{self.state_dir}/servers"
        known += [name for name in _listed(watched) if lock.holder_of(f"{watched}/{name}/lock")]
        found = [name for name in dict.fromkeys(known) if fnmatchcase(name, pattern)]
        if not found:
            raise Refused(conf.NOT_CONFIGURED, f"{pattern}: fits no server")
        return found

    def run_dirs(self) -> list[str]:
        """The directories of the monitors that run with this state directory."""
        directory = f"{self.state_dir}/monitors"
        names = [name for name in _listed(directory) if name.isdigit() and identity.look(int(name))]
        return [f"{directory}/{name}" for name in names]


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    except PermissionError:
        raise Refused(NO_PERMISSION, f"{directory}: you may not look into it; be its owner") from None
