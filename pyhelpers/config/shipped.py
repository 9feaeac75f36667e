"""Where does a hook or a check lie that conf names?  In CONF_DIR, else in the conf/ that ships with the suite.

What CONF_DIR has under that name counts, even where it cannot be executed: a hook of your own that is broken is
reported, and the suite does not run another one in its place.
"""

from __future__ import annotations

import os

from base.suite import ROOT

HOOKS, CHECKS = "hooks", "checks"


def place_of(conf_dir: str, folder: str, name: str, root: str = ROOT) -> str:
    """Its path; "": neither has it.  folder: HOOKS or CHECKS; root: the suite's own directory."""
    for place in (conf_dir, f"{root}/conf"):
        path = os.path.join(place, folder, name)
        if os.path.lexists(path):
            return path
    return ""


def is_of(conf_dir: str, folder: str, path: str, root: str = ROOT) -> bool:
    """Is it the path of one of those, and not of a program that lies elsewhere?"""
    return os.path.dirname(path) in (os.path.join(conf_dir, folder), os.path.join(root, "conf", folder))
