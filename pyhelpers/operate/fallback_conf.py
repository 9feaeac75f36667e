"""Which servers do names mean if conf has a fault?

If a file becomes faulty while the monitor runs, every command prints the error and still works for watched servers: the
monitor uses the conf that was good when it started, and keeps it beside its mailbox.  A name means the server in the
settled conf of a running monitor, else the server in conf/ if its file has no fault.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from base import places
from config import confdir, settled
from config.values import is_server_name, is_tag
from proc.server import servers_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.context import Place
    from proc.server import Server

    # settled conf by the server's name
    Known = dict[str, settled.Settings]


def meant(place: Place, patterns: list[str]) -> tuple[list[Server], bool]:
    """The servers that the patterns mean, each once; and whether these are all of them, as far as we know."""
    by_monitors = watched(place)
    known, faulty = _sorted_out(place, [word for word in patterns if word != "all"])
    known.update(by_monitors)
    lost = [name for name in faulty if name not in known]
    found: Known = {}
    is_all = True
    for pattern in patterns:
        names = [name for name, settings in sorted(known.items()) if means(pattern, name, settings)]
        found.update((name, known[name]) for name in names)
        is_all = is_all and bool(names) and not any(means(pattern, name, {}) for name in lost)
    return servers_of([(settled.SUITE, _directories(known)), *found.items()])[1], is_all


def _directories(known: Known) -> settled.Settings:
    """The suite's setting `directories`, of all servers that we know: what runs there is theirs."""
    return {"directories": settled.joined_list(sorted({places.real(settings["dir"]) for settings in known.values()}))}


def means(pattern: str, name: str, settings: settled.Settings) -> bool:
    """Is this one of the servers that a name, a glob, an @TAG or `all` means?"""
    if is_tag(pattern):
        return pattern[1:] in settled.elements(settings.get("tags", ""))
    return pattern in ("all", settings.get("instance_of")) or fnmatchcase(name, pattern)


def _sorted_out(place: Place, words: list[str]) -> tuple[Known, list[str]]:
    """The servers in conf without a fault, and the names of those with one."""
    reading = confdir.ConfDir(place.conf_dir, place.root, place.cwd)
    good, faulty = reading.sorted_out([word for word in words if is_server_name(word) or is_tag(word)])
    return {server["name"]: settled.settings_of(server) for server in good}, faulty


def watched(place: Place) -> Known:
    """The settled conf of the running monitors; a guest may not read it."""
    found: Known = {}
    for run_dir in place.run_dirs():
        try:
            found.update(settled.read(f"{run_dir}/settled"))
        except OSError:
            continue  # the monitor has just ended, or belongs to another user
    found.pop(settled.SUITE, None)
    return found
