"""Where is the program that a command names?  Searches as execvp(3) does."""

from __future__ import annotations

import os

from base.exits import NO_SUCH_PROGRAM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class LaunchError(Exception):
    """We could not execute the program.  status: 126 or 127; the text says why and what to do."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def resolve(name: str, directory: str, path: str, may_look: Callable[[str], object] | None = None) -> str:
    """The path of a program, as execvp(3) finds it from directory.

    path: as PATH.  may_look: called with each path before it is looked at; it may raise.
    Raises LaunchError (126, 127).
    """
    found = candidate = ""
    for place in [""] if "/" in name else path.split(":"):
        candidate = os.path.normpath(os.path.join(directory, place, name))
        if may_look:
            may_look(candidate)
        if os.path.isfile(candidate):
            found = found or candidate
            if os.access(candidate, os.X_OK):
                return candidate
    if may_look:  # we may look at no more
        raise LaunchError(NO_SUCH_PROGRAM, f"{name} cannot be executed")
    from base import executable  # only a failure needs it

    raise LaunchError(*executable.absent(name, directory, found, candidate))
