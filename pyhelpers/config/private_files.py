"""The files that env_file and secrets name: may the server have them, and what do they say?

We go to them as to any file that others may swap (base/places.py): from the first directory on that others than root
may change, as the user of the server.  A file that others may write is refused, by the rule for conf (config/trust.py),
except that the user of the server may own it: what it says reaches only a process of that user.

A message names file and line, never what stands there.
"""

from __future__ import annotations

import os

from base import places
from base.exits import NOT_CONFIGURED, Refused
from config import env_file, settled, trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from base.places import Place
    from config.server_settings import ServerSettings

LARGEST = 1 << 20  # bytes
MOST_SECRETS = 4 << 20  # bytes, of one server


class Unfit(Refused):
    """A server cannot have a private file.  lines: what is wrong and what to do, a line each, for conf's checks."""

    def __init__(self, lines: list[str]) -> None:
        more = f" (and {len(lines) - 1} more; see ./monitor.sh check)" if len(lines) > 1 else ""
        super().__init__(NOT_CONFIGURED, lines[0] + more)
        self.lines = lines


class Private:
    """The private files of one server.  env_files: paths; secrets: name and path of each."""

    __slots__ = ("_env_at", "_ids", "_secrets_at", "directory", "env_files", "secrets")

    def __init__(self, server: ServerSettings) -> None:
        asked = server.launch.settings
        self.directory = server.directory
        self.env_files = settled.elements(asked.get("env_file", ""))
        self.secrets = [settled.words(each) for each in settled.elements(asked.get("secrets", ""))]
        self._env_at = asked.get("env_file_at", "")
        self._secrets_at = asked.get("secrets_at", "")
        self._ids = server.ids

    def paths(self) -> Iterator[str]:
        """All of them."""
        yield from self.env_files
        yield from (path for _, path in self.secrets)

    def variables(self, path: str, patient: bool = False) -> list[env_file.Variable]:
        """The variables of one of its env files.

        patient: this process may block.  Raises Unfit, NoAnswer.
        """
        found, faults = env_file.parse(self._content(path, f"{self._env_at}: env_file", patient))
        if faults:
            raise Unfit([f"{path}:{line}: {words}" for line, words in faults])
        return found

    def secret(self, name: str, path: str, patient: bool = False) -> bytes:
        """The content of the file of one of its secrets.  Raises Unfit, NoAnswer."""
        return self._content(path, f"{self._secrets_at}: secrets: {name}", patient)

    def _content(self, path: str, what: str, patient: bool) -> bytes:
        try:
            place, name = places.found(path, self._ids, patient)
            with place:
                return self._of_place(place, name, path)
        except FileNotFoundError:
            # What stands there may be a secret itself, by mistake: that would be a file in `dir`
            shown = f"in {self.directory}, no such file" if self._is_below(path) else f"{path}: no such file"
            words = f"{shown}; make it, or take it out"
        except OSError as error:
            words = f"{path}: {(error.strerror or str(error)).lower()}; {_REMEDIES.get(type(error), _REMEDY)}"
        except ValueError as error:
            words = f"{path}: {error}"
        raise Unfit([f"{what}: {words}"])

    def _is_below(self, path: str) -> bool:
        directory, _, _ = path.rpartition("/")
        return directory == self.directory

    def _of_place(self, place: Place, name: str, path: str) -> bytes:
        """Its content.  Raises OSError; ValueError: the file is not fit."""
        if not name:
            raise IsADirectoryError(0, "a directory")
        fd = place.regular(name)
        try:
            owner = self._ids.uid if self._ids else -1
            words, remedy = trust.judge_status(path, os.fstat(fd), owner)
            if not words:
                words, remedy = trust.judge_holders(path, owner)
            if words:
                raise ValueError(f"{words}; run: {remedy}")
            return _bounded(fd)
        finally:
            os.close(fd)


def _bounded(fd: int) -> bytes:
    """All that the file says.  Raises OSError; ValueError: it is too much."""
    content = b""
    while len(content) <= LARGEST:
        piece = os.read(fd, LARGEST + 1 - len(content))
        if not piece:
            return content
        content += piece
    raise ValueError(f"larger than {LARGEST} bytes; name a smaller file")


_REMEDY = "make it a plain file"
_REMEDIES: dict[type[OSError], str] = {
    NotADirectoryError: "make it, or take it out",
    PermissionError: "let the user of the server read it, or keep it where only root may write",
}
