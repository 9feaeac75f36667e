"""Of which variables was the environment of a running server made?  A digest of each env file, never a value.

STATE_DIR/servers/NAME/fingerprint, readable for us only, is written at each launch:

    INVOCATION_ID SALT
    DIGEST PATH

The salt is 16 random bytes, so that equal files have different digests.  The digest is of names and values in their
order: a comment more is no change.
"""

from __future__ import annotations

import os
from _blake2 import blake2b

from base import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from config.env_file import Variable

NAME = "fingerprint"
LARGEST = 1 << 16


class Fingerprint:
    """The digests of the env files of one launch.  invocation: its INVOCATION_ID."""

    def __init__(self, invocation: str, salt: bytes) -> None:
        self.invocation = invocation
        self._salt = salt
        self._digests: dict[str, str] = {}

    @classmethod
    def fresh(cls, invocation: str) -> Fingerprint:
        """That of a new launch."""
        return cls(invocation, os.urandom(16))

    def _of(self, variables: Iterable[Variable]) -> str:
        digest = blake2b(key=self._salt, digest_size=32)
        for name, value, _ in variables:
            digest.update(f"{name}={value}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def add(self, path: str, variables: Iterable[Variable]) -> None:
        """Note what this file says."""
        self._digests[path] = self._of(variables)

    def fits(self, path: str, variables: Iterable[Variable]) -> bool:
        """Did the file say the same?"""
        return self._digests.get(path) == self._of(variables)

    def write(self, directory: str) -> None:
        """Write it into the directory of the server's record.  If the disk refuses, `update` sees no change."""
        lines = [
            f"{self.invocation} {self._salt.hex()}",
            *(f"{digest} {path}" for path, digest in self._digests.items()),
        ]
        try:
            files.replace(f"{directory}/{NAME}", "".join(f"{line}\n" for line in lines))
        except OSError:
            files.unlink_quietly(f"{directory}/{NAME}")


def read(directory: str) -> Fingerprint | None:
    """That of the last launch; None if there is none."""
    try:
        fd = os.open(f"{directory}/{NAME}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            text = os.read(fd, LARGEST).decode("utf-8", "surrogateescape")
        finally:
            os.close(fd)
        first, *lines = text.split("\n")[:-1]
        invocation, _, salt = first.partition(" ")
        found = Fingerprint(invocation, bytes.fromhex(salt))
    except (OSError, ValueError):
        return None
    found._digests.update((path, digest) for digest, _, path in (line.partition(" ") for line in lines))
    return found


def kept(directory: str) -> bytes:
    """The whole file, for put_back(); b"" if there is none."""
    try:
        with open(f"{directory}/{NAME}", "rb") as source:
            return source.read(LARGEST)
    except OSError:
        return b""


def put_back(directory: str, raw: bytes) -> None:
    """A launch has failed beside a process that goes on: the file is that of this process again."""
    try:
        if raw:
            files.replace(f"{directory}/{NAME}", raw)
    except OSError:
        pass  # update then sees no change
