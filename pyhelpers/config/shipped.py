"""Where is a hook or a check that conf names?  In CONF_DIR, else in the conf/ that ships with the suite.

A file in CONF_DIR comes first, even if it cannot be executed: the suite reports your broken hook and does not run
another one instead.
"""

from __future__ import annotations

import os

from base.suite import ROOT

HOOKS, CHECKS = "hooks", "checks"


def place_of(conf_dir: str, folder: str, name: str, root: str = ROOT) -> str:
    """Its path, or "" if neither has it.  folder: HOOKS or CHECKS; root: the suite's own directory."""
    for place in (conf_dir, f"{root}/conf"):
        path = os.path.join(place, folder, name)
        if os.path.lexists(path):
            return path
    return ""


def is_of(conf_dir: str, folder: str, path: str, root: str = ROOT) -> bool:
    """Is path a file of one of these two folders, and not a program elsewhere?"""
    return os.path.dirname(path) in (os.path.join(conf_dir, folder), os.path.join(root, "conf", folder))
