"""Where do we stand: which suite, conf and state; which servers names mean there, and which monitors run?"""

from __future__ import annotations

import os
import sys

from base.exits import NO_PERMISSION, NOT_CONFIGURED, Refused
from config import confdir, settle, trust
from proc import identity
from proc.server import servers_of
from state import lock
from state.paths import state_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server


class Place:
    """root: the suite's directory; state_dir: settled from the option and conf.  Raises conf.ConfError, Refused.

    is_guest: somebody else's monitors run here, and we may at most order them.
    lacks_some: of what was asked for, conf has a fault and no monitor knows it.
    """

    def __init__(self, root: str, conf_dir: str, state_option: str, cwd: str) -> None:
        self.root, self.conf_dir, self.cwd = root, conf_dir, cwd
        self.lacks_some = False
        self._settle_state(state_option)
        # who may not look into it would see no monitor, and not that he may not
        if os.path.isdir(self.state_dir) and not os.access(self.state_dir, os.R_OK | os.X_OK):
            raise Refused(
                NO_PERMISSION, f"{self.state_dir}: you may not look into it; be its owner, or in control_group"
            )

    def _settle_state(self, option: str) -> None:
        """Where it is, and whose.  A guest goes by the conf of its owner, who runs what that names; we do not."""
        host = _owner_of(self.conf_dir)
        if os.geteuid() != 0 and host not in (-1, 0):
            trust.also.add(host)
        self.state_dir = self._state_dir(option)
        owner = _owner_of(self.state_dir)
        self.is_guest = owner not in (-1, os.geteuid()) and os.geteuid() != 0
        if trust.also and owner != host:
            trust.also.clear()
            self.state_dir = self._state_dir(option)

    def _state_dir(self, option: str) -> str:
        suite = settle.Settled(confdir.ConfDir(self.conf_dir, self.root, self.cwd).suite(), [])
        return state_directory(self.root, option, suite.suite["state_dir"])

    def require_owner(self, what: str) -> None:
        """Raises Refused for a guest."""
        if self.is_guest:
            raise Refused(NO_PERMISSION, f"{self.state_dir}: {what} is for its owner")

    def servers(self, patterns: list[str], partly: bool = False) -> list[Server]:
        """The servers that names, globs and `all` mean, each once.  Raises conf.ConfError, Refused.

        Where conf is not in order, that is said, and what a monitor watches is known by the conf that it goes by.
        partly: leave out what nothing good is known of, if anything is; lacks_some says so.
        """
        try:
            return self._in_order(patterns)
        except settle.ConfError as error:
            from operate import fallback_conf

            found, is_all = fallback_conf.meant(self, patterns) if error.status == NOT_CONFIGURED else ([], False)
            if not found or not (is_all or partly):
                raise
            self.lacks_some = not is_all
            print("\n".join(error.lines), file=sys.stderr)
            return found

    def _in_order(self, patterns: list[str]) -> list[Server]:
        words: list[str] = []
        for pattern in patterns:
            words += self._matching(pattern) if is_glob(pattern) else [pattern]
        settled = settle.settle(self.conf_dir, self.root, self.cwd, list(dict.fromkeys(words)))
        return servers_of(settled.groups())[1]

    def _matching(self, pattern: str) -> list[str]:
        from fnmatch import fnmatchcase

        known = [server["name"] for server in settle.settle(self.conf_dir, self.root, self.cwd, ["all"]).servers]
        watched = f"{self.state_dir}/servers"
        known += [name for name in _listed(watched) if lock.watcher_of(f"{watched}/{name}")]
        found = [name for name in dict.fromkeys(known) if fnmatchcase(name, pattern)]
        if not found:
            raise Refused(NOT_CONFIGURED, f"{pattern}: fits no server")
        return found

    def run_dirs(self) -> list[str]:
        """The directories of the monitors that run with this state directory."""
        directory = f"{self.state_dir}/monitors"
        names = [name for name in _listed(directory) if name.isdigit() and identity.look(int(name))]
        return [f"{directory}/{name}" for name in names]


def is_glob(word: str) -> bool:
    """Does it stand for every name that it fits?"""
    return bool(set(word) & set("*?["))


def _owner_of(path: str) -> int:
    """Its uid; -1: there is none, or it may not be looked at."""
    try:
        return os.stat(path).st_uid
    except OSError:
        return -1


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    except PermissionError:
        raise Refused(
            NO_PERMISSION, f"{directory}: you may not look into it; be its owner, or in control_group"
        ) from None
