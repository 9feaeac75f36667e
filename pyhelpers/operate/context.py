"""Which suite, conf and state does a command use?  Which servers do names mean there, and which monitors run?"""

from __future__ import annotations

import os
import sys

from base.exits import NO_PERMISSION, NOT_CONFIGURED, Refused
from config import confdir, settle, trust
from config.values import is_server_name, is_tag
from operate import same_name
from proc import identity
from proc.server import servers_of
from state import lock, namesakes
from state.paths import server_directory, state_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from config.settled import Settings
    from proc.server import Server


class Place:
    """root: the suite's directory; state_dir: from the option and conf.  Raises settle.ConfError, Refused.

    is_guest: these monitors belong to another user, and we may at most give them orders.
    lacks_some: conf is faulty for some of the requested servers, and no monitor watches them.
    """

    def __init__(self, root: str, conf_dir: str, state_option: str, cwd: str) -> None:
        self.root, self.conf_dir, self.cwd = root, conf_dir, cwd
        self.lacks_some = False
        self._settle_state(state_option)
        # Without this check, a user who may not read it would see no monitor instead of the reason.
        if os.path.isdir(self.state_dir) and not os.access(self.state_dir, os.R_OK | os.X_OK):
            raise Refused(
                NO_PERMISSION, f"{self.state_dir}: you may not look into it; be its owner, or in control_group"
            )

    def _settle_state(self, option: str) -> None:
        """Find the state directory and its owner.

        A guest trusts the files of conf's owner: only the owner's monitor runs the programs that conf names.
        """
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
        """Raises Refused if we are a guest.  what: the word that only the owner may use."""
        if self.is_guest:
            raise Refused(NO_PERMISSION, f"{self.state_dir}: {what} is for its owner")

    def servers(self, patterns: list[str], partly: bool = False, quiet: bool = False) -> list[Server]:
        """The servers that names, globs, tags and `all` mean, each once.  Raises settle.ConfError, Refused.

        If conf has a fault, print it, and use the settled conf of the running monitors for the servers they watch.
        partly: leave out servers without any good conf, and set lacks_some, if there are others.  quiet: print nothing.
        """
        try:
            return self._in_order(patterns, partly)
        except settle.ConfError as error:
            from operate import fallback_conf

            found, is_all = fallback_conf.meant(self, patterns) if error.status == NOT_CONFIGURED else ([], False)
            if not found or not (is_all or partly):
                raise
            self.lacks_some = not is_all
            if not quiet:
                print("\n".join(error.lines), file=sys.stderr)
            return found

    def _in_order(self, patterns: list[str], all_of_them: bool) -> list[Server]:
        """all_of_them: a name means all servers of that name, in whatever directory."""
        words: list[str] = []
        for pattern in patterns:
            words += self._matching(pattern) if is_glob(pattern) else [pattern]
            words += self._watched() if pattern == "all" else []
        narrow = [] if all_of_them or "all" in patterns else [word for word in patterns if not is_glob(word)]
        words, lost = self._divided(dict.fromkeys(words))
        if not words:
            return servers_of(lost)[1]
        settled = settle.settle(self.conf_dir, self.root, self.cwd, words)
        namesakes.find(settled, self.state_dir)
        return servers_of([*same_name.chosen(self, settled, narrow), *lost])[1]

    def _divided(self, names: Iterable[str]) -> tuple[list[str], list[tuple[str, Settings]]]:
        """The names that conf has, or that no monitor knows either; and the settings of those that only a monitor has.

        Conf may have lost a server since its monitor began, and `update` is yet to come.
        """
        reading = confdir.ConfDir(self.conf_dir, self.root, self.cwd)
        gone = [name for name in names if (is_server_name(name) or is_tag(name)) and not reading.has(name)]
        if not gone:
            return list(names), []
        from operate import fallback_conf

        watched = fallback_conf.watched(self)
        lost = {word: [item for item in watched.items() if fallback_conf.means(word, *item)] for word in gone}
        return [name for name in names if not lost.get(name)], [item for found in lost.values() for item in found]

    def _matching(self, pattern: str) -> list[str]:
        from fnmatch import fnmatchcase

        known = [server["name"] for server in settle.settle(self.conf_dir, self.root, self.cwd, ["all"]).servers]
        known += self._watched()
        found = [name for name in dict.fromkeys(known) if fnmatchcase(name, pattern)]
        if not found:
            raise Refused(NOT_CONFIGURED, f"{pattern}: matches no server")
        return found

    def _watched(self) -> list[str]:
        """The servers that a monitor watches: also those that no file names, such as business@PORT."""
        directory = f"{self.state_dir}/servers"
        return [namesakes.name_of(entry) for entry in _listed(directory) if lock.watcher_of(f"{directory}/{entry}")]

    def record_of(self, server: Server) -> str:
        """The directory of its record."""
        return server_directory(self.state_dir, server.kept_in)

    def run_dirs(self) -> list[str]:
        """The directories of the running monitors of this state directory."""
        directory = f"{self.state_dir}/monitors"
        names = [name for name in _listed(directory) if name.isdigit() and identity.look(int(name))]
        return [f"{directory}/{name}" for name in names]


def is_glob(word: str) -> bool:
    """Is word a pattern that may match several names?"""
    return bool(set(word) & set("*?["))


def _owner_of(path: str) -> int:
    """The uid of its owner; -1 if it does not exist or we may not see it."""
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
