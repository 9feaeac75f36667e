"""Where are the libraries that we use, and are they new enough?  We find them without importing them."""

from __future__ import annotations

import os
import sys

from base.exits import UNAVAILABLE

OLDEST_PYTHON = (3, 9)  # os.pidfd_open, os.waitid on a pidfd
OLDEST_PSUTIL = (5, 6)
DEBIAN = "/usr/lib/python3/dist-packages"


def require_suitable() -> str:
    """The directory to import psutil from.  Ends the program with 69 if this Python is not suitable."""
    home = psutil_home() if sys.version_info >= OLDEST_PYTHON else ""
    if not home:
        sys.exit(UNAVAILABLE)
    return home


def psutil_home() -> str:
    """The directory to import psutil from; "" if none is new enough.  Does not import it, which takes 20 ms."""
    from importlib.util import find_spec

    spec = find_spec("psutil")
    if not spec or not spec.origin:
        return ""
    with open(spec.origin, encoding="utf-8") as source:
        for line in source:
            if line.startswith("__version__"):
                version = line.split("=")[1].strip(" \"'\n").split(".")
                return os.path.dirname(os.path.dirname(spec.origin)) if _new_enough(version) else ""
    return ""


def sysv_ipc_home() -> str:
    """The directory to import sysv_ipc from; "" if there is none for this Python.  A .venv can use Debian's package."""
    from importlib.machinery import PathFinder

    for path in (None, [DEBIAN]):
        spec = PathFinder.find_spec("sysv_ipc", path)
        if spec and spec.origin:
            return os.path.dirname(spec.origin)
    return ""


def sysv_ipc_missing() -> str:
    """The message for a person who needs it."""
    ways = f"apt-get install python3-sysv-ipc, or: {sys.executable} -m pip install sysv_ipc"
    return f"sysv_ipc is not installed; run: {ways}"


def _new_enough(version: list[str]) -> bool:
    return tuple(int(part) for part in version[:2] if part.isdigit()) >= OLDEST_PSUTIL
