"""Which servers do names mean, though conf is not in order?

A fault in one file must not take the others out of reach, nor its own server while it is watched: the monitor goes by
the conf that was good when it began, and that is kept beside its mailbox.  So a name means, first of all that is there:
what the running monitors go by; what conf says without a fault.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from config import confdir, settled
from config.values import is_server_name
from proc.server import servers_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.context import Place
    from proc.server import Server

    # settled conf by the server's name
    Known = dict[str, settled.Settings]


def meant(place: Place, patterns: list[str]) -> tuple[list[Server], bool]:
    """Each once; and whether that is all that is meant, as far as can be told."""
    watched = _watched(place)
    known, faulty = _sorted_out(place, [word for word in patterns if word != "all"])
    known.update(watched)
    lost = [name for name in faulty if name not in known]
    found: Known = {}
    is_all = True
    for pattern in patterns:
        names = [name for name in sorted(known) if _means(pattern, name)]
        found.update((name, known[name]) for name in names)
        is_all = is_all and bool(names) and not any(_means(pattern, name) for name in lost)
    return servers_of(found.items())[1], is_all


def _means(pattern: str, name: str) -> bool:
    return pattern == "all" or fnmatchcase(name, pattern)


def _sorted_out(place: Place, words: list[str]) -> tuple[Known, list[str]]:
    """What conf says without a fault, and the names of which it does not."""
    reading = confdir.ConfDir(place.conf_dir, place.root, place.cwd)
    good, faulty = reading.sorted_out([word for word in words if is_server_name(word)])
    return {server["name"]: settled.settings_of(server) for server in good}, faulty


def _watched(place: Place) -> Known:
    """What the running monitors go by; a guest may not know."""
    found: Known = {}
    for run_dir in place.run_dirs():
        try:
            found.update(settled.read(f"{run_dir}/settled"))
        except OSError:
            continue  # it has just ended; or is not ours
    found.pop(settled.SUITE, None)
    return found
