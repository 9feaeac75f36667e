"""The env files and secrets of servers, for an operator: what is wrong with them, and what has changed since a launch.

Neither shows a value.  What is on a file system that may not answer is not looked at.
"""

from __future__ import annotations

import os
import shlex

from base import places
from base.places import NoAnswer
from config import settled
from config.private_files import Private, Unfit
from proc import evidence
from proc.server import servers_of
from spawn import credentials
from state import fingerprint, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settle import Settled
    from proc.server import Server

KEYS = ("env_file", "secrets")


def faults(found: Settled) -> list[str]:
    """Every fault of the private files of all servers, as `FILE:LINE: what is wrong, and what to do`."""
    asking = [server for server in found.servers if any(server[key] for key in KEYS)]
    if not asking:
        return []
    groups = ((server["name"], settled.settings_of(server)) for server in asking)
    lines = [line for server in servers_of(groups)[1] for line in _faults_of(Private(server))]
    return list(dict.fromkeys(lines))  # several servers may share a file


def _faults_of(private: Private) -> Iterator[str]:
    for path in private.env_files:
        try:
            private.variables(path)
        except Unfit as unfit:
            yield from unfit.lines
        except NoAnswer:
            pass  # the start reports it
    for name, path in private.secrets:
        try:
            private.secret(name, path)
        except Unfit as unfit:
            yield from unfit.lines
        except NoAnswer:
            pass


def open_secrets(found: Settled) -> Iterator[tuple[str, str]]:
    """Name of a server, and words for each of its secrets that every user of the machine may read."""
    for server in found.servers:
        for name, path in server["secrets"]:
            mode = _mode_for_all(path)
            if mode:
                words = f"{name}: everyone may read {path} (mode {mode:o}); run: chmod o-r {shlex.quote(path)}"
                yield server["name"], f"secrets: {words}"


def _mode_for_all(path: str) -> int:
    """The mode of a file that everyone may read, by it and by its directory; else 0."""
    try:
        if not places.require_answer(path):
            return 0
        mode = os.stat(path).st_mode & 0o777
        return mode if mode & 0o004 and os.stat(os.path.dirname(path)).st_mode & 0o001 else 0
    except (NoAnswer, OSError):
        return 0


def change(server: Server, directory: str) -> str:
    """`env_file changed: PATH`, `secrets changed: NAME`, or both: since its process was launched; "" for no change.

    directory: of its record.
    """
    try:
        known = record.read(directory)
    except record.Torn:
        return ""
    prints = fingerprint.read(directory)
    if not prints or prints.invocation != known.get("invocation"):
        return ""  # we did not launch this process
    if not evidence.recorded(known, record.boot_id()):
        return ""
    private = Private(server)
    files = [path for path in private.env_files if _has_changed(private, path, prints)]
    names = _changed_secrets(private, directory)
    found = [("env_file changed:", files), ("secrets changed:", names)]
    return "; ".join(" ".join([words, *which]) for words, which in found if which)


def _has_changed(private: Private, path: str, prints: fingerprint.Fingerprint) -> bool:
    try:
        return not prints.fits(path, private.variables(path))
    except (NoAnswer, Unfit):
        return False  # a fault of conf, or the next start reports it


def _changed_secrets(private: Private, directory: str) -> list[str]:
    copies = credentials.copies(directory, credentials.NOW, [name for name, _ in private.secrets])
    changed = []
    for name, path in private.secrets:
        try:
            if private.secret(name, path) != copies.get(name):
                changed.append(name)
        except (NoAnswer, Unfit):
            pass
    return changed
