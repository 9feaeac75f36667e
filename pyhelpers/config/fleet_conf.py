"""What does CONF_DIR/fleet.conf say?  How to log in to etcd; a file of its own, because it holds a password.

    user = monitor
    password = …
    ca = /etc/monitor/etcd-ca.pem      who has signed the certificates of etcd; default: whom this machine trusts
    cert, key                          a certificate of ours, if etcd wants one

Only its owner may read it (0600).  An operator, who may do other things in etcd, has a file of their own like this one,
which MONITOR_FLEET names.
"""

from __future__ import annotations

import os

from config import grammar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.grammar import Fault

FILE = "fleet.conf"
KEYS = ("user", "password", "ca", "cert", "key")
PATHS = ("ca", "cert", "key")


def path_in(conf_dir: str) -> str:
    """Its path."""
    return os.path.join(conf_dir, FILE)


def read(conf_dir: str, own: str = "") -> tuple[dict[str, str], list[Fault]]:
    """Its values by key, "" for those that it does not set, and what is wrong with it.

    own: the path of another file, to be read in its place.  Relative paths start at its directory.  Without the file,
    nothing is set.
    """
    path = own or path_in(conf_dir)
    values = dict.fromkeys(KEYS, "")
    try:
        settings, faults = grammar.read(path)
        mode = os.stat(path).st_mode & 0o777
    except OSError:
        return values, []
    if mode & 0o077:
        faults.append((path, 0, f"holds a password, and has mode {mode:o}; run: chmod 600 {path}"))
    for key, (text, _, line) in settings.items():
        if key not in KEYS:
            faults.append((path, line, f'unknown key "{key}"; these are known: {" ".join(KEYS)}'))
        elif text:
            values[key] = os.path.join(os.path.dirname(os.path.abspath(path)), text) if key in PATHS else text
    return values, [*faults, *_incomplete(path, values)]


def _incomplete(path: str, values: dict[str, str]) -> list[Fault]:
    faults: list[Fault] = []
    if bool(values["user"]) != bool(values["password"]):
        faults.append((path, 0, "needs both user and password; set the other one too"))
    if bool(values["cert"]) != bool(values["key"]):
        faults.append((path, 0, "needs both cert and key; set the other one too"))
    for key in PATHS:
        if values[key] and not os.access(values[key], os.R_OK):
            faults.append((path, 0, f"{key}: {values[key]} cannot be read; put the file there"))
    return faults
