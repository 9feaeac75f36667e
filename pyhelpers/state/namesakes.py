"""Where below STATE_DIR/servers/ is the state of a server?  Servers of one name may run in several directories.

    servers/NAME/       the server NAME, if conf sets its dir; else that of the first directory in which it was called
    servers/NAME,2/     the server of that name that was called in another directory
    servers/NAME,2/dir  that directory; a server whose dir conf sets has no such file

No server can have a name with a comma.  The first who makes the file has the number, so two monitors that begin at once
in two directories do not share a record.  A record of an older suite, which knew no such file, names the directory too.
"""

from __future__ import annotations

import os

from base import files, places
from state import access, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.settle import Settled

KEPT_IN = "kept_in"  # settled, but no key of conf: the name of the directory below servers/
BY_CONF, HERE, BESIDE = "conf", "here", "beside"  # values of DIR_FROM
DIR_FROM = "dir_from"  # settled, but no key of conf: who says where it runs


class Namesakes:
    """The directories below STATE_DIR/servers/, as they are when it is made."""

    def __init__(self, state_dir: str) -> None:
        self._servers = f"{state_dir}/servers"
        self._numbered: dict[str, list[str]] = {}
        try:
            entries = sorted(os.listdir(self._servers))
        except OSError:
            entries = []
        for entry in entries:
            if "," in entry:
                self._numbered.setdefault(name_of(entry), []).append(entry)

    def known(self, name: str) -> dict[str, str]:
        """The directory in which each server of this name runs, by the name of its directory below servers/."""
        found = ((kept_in, self.directory_of(kept_in)) for kept_in in [name, *self._numbered.get(name, [])])
        return {kept_in: directory for kept_in, directory in found if directory}

    def directory_of(self, kept_in: str) -> str:
        """The directory of the one that has this directory below servers/; "" if conf sets it, or if it is unknown."""
        try:
            with open(f"{self._servers}/{kept_in}/dir", encoding="utf-8", errors="surrogateescape") as source:
                return source.read(1 << 13).rstrip("\n")
        except OSError:
            return self._recorded(kept_in) if kept_in not in self._numbered.get(name_of(kept_in), ()) else ""

    def _recorded(self, name: str) -> str:
        try:
            known = record.read(f"{self._servers}/{name}")
        except record.Torn:
            return ""
        return known["cwd"] if known and known["pid"] and not known["command"] else ""

    def find(self, name: str, directory: str) -> str:
        """The directory below servers/ of the server that runs in directory, which may not exist yet.

        directory: without links; "" if conf sets it.
        """
        known = self.known(name) if directory else {}
        for kept_in, where in known.items():
            if where == directory:
                return kept_in
        if not directory or name not in known:
            return name
        numbers = (f"{name},{number}" for number in range(2, len(self._numbered.get(name, [])) + 3))
        return next(kept_in for kept_in in numbers if kept_in not in self._numbered.get(name, []))

    def claim(self, name: str, directory: str) -> str:
        """The same for one who is about to write there.  On a full disk nothing is claimed."""
        if not directory:
            files.unlink_quietly(f"{self._servers}/{name}/dir")
            return name
        while True:
            kept_in = self.find(name, directory)
            if not self._is_lost(kept_in, directory):
                return kept_in
            if kept_in != name and kept_in not in self._numbered.setdefault(name, []):
                self._numbered[name].append(kept_in)

    def _is_lost(self, kept_in: str, directory: str) -> bool:
        """Take it for directory; True: another directory has it meanwhile."""
        place = f"{self._servers}/{kept_in}"
        draft = f"{place}/dir.{os.getpid()}"
        try:
            if self.directory_of(kept_in) == directory and os.path.exists(f"{place}/dir"):
                return False
            access.make(place)
            files.replace(draft, directory.encode("utf-8", "surrogateescape") + b"\n", record.READABLE)
            os.link(draft, f"{place}/dir")
        except FileExistsError:
            return self.directory_of(kept_in) != directory
        except OSError:
            return False
        finally:
            files.unlink_quietly(draft)
        return False


def name_of(kept_in: str) -> str:
    """The server's name, of the name of its directory below servers/."""
    return kept_in.partition(",")[0]


def find(settled: Settled, state_dir: str, claim: bool = False) -> None:
    """Settle KEPT_IN of all servers; claim: they will be watched or started.

    The directories of their namesakes are those of other servers.
    """
    namesakes = Namesakes(state_dir)
    others = set(settled.suite["directories"])
    for server in settled.servers:
        directory = "" if server[DIR_FROM] == BY_CONF else places.real(server["dir"])
        look = namesakes.claim if claim else namesakes.find
        server[KEPT_IN] = look(server["name"], directory)
        others |= {where for where in namesakes.known(server["name"]).values() if where != directory}
    settled.suite["directories"] = sorted(others)
