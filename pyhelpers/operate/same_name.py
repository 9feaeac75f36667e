"""Which of several servers of one name does an operator mean?  They run in different directories.

The one of the current directory, if that holds its program; else the only one that lives.  `all`, globs and `status`
mean all of them.
"""

from __future__ import annotations

import os

from base import places
from base.exits import USAGE, Refused
from config import settle, settled
from proc import evidence
from state import lock, record
from state.namesakes import BY_CONF, DIR_FROM, HERE, KEPT_IN, Namesakes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from config.settled import Settings
    from operate.context import Place

    Named = tuple[str, Settings]


def chosen(place: Place, found: settle.Settled, single: Container[str]) -> list[Named]:
    """The suite's settings, and those of the servers that are meant.  single: the names that mean one server.

    Raises Refused if such a name means several.
    """
    suite, *servers = found.groups()
    namesakes = Namesakes(place.state_dir)
    meant = [each for server in servers for each in _meant(place, namesakes, server, server[0] not in single)]
    elsewhere = {settings["dir"] for _, settings in meant}
    suite[1]["directories"] = settled.joined_list(sorted({*settled.elements(suite[1]["directories"]), *elsewhere}))
    return [suite, *meant]


def _meant(place: Place, namesakes: Namesakes, server: Named, wide: bool) -> list[Named]:
    name, settings = server
    if settings[DIR_FROM] == BY_CONF:
        return [server]
    others = {kept_in: where for kept_in, where in namesakes.known(name).items() if _lives(place, kept_in, where)}
    own = settings[KEPT_IN]
    is_own = settings[DIR_FROM] == HERE or own in others or not others
    others.pop(own, None)
    if others and not wide and settings[DIR_FROM] != HERE:
        if len(others) + is_own > 1:
            raise Refused(USAGE, _which(name, [*others.values(), *[settings["dir"]] * is_own]))
        return list(_settled(place, name, others))
    if not wide:
        return [server]
    return [server] * is_own + list(_settled(place, name, others))


def _which(name: str, directories: list[str]) -> str:
    *most, last = sorted(directories)
    return (
        f"{name}: it runs in {', '.join(most)} and in {last}; go to the directory of the one that you mean (cd {last})"
    )


def _lives(place: Place, kept_in: str, where: str) -> bool:
    """Is it watched, or does the recorded process live?"""
    directory = f"{place.state_dir}/servers/{kept_in}"
    if lock.watcher_of(directory):
        return True
    try:
        return evidence.recorded(record.read(directory), record.boot_id()) is not None
    except record.Torn:
        return False


def _settled(place: Place, name: str, others: dict[str, str]) -> Iterator[Named]:
    """The settings of those of this name that run elsewhere."""
    for kept_in, where in others.items():
        conf_dir = os.path.abspath(os.path.join(place.cwd, place.conf_dir))
        (server,) = settle.settle(conf_dir, place.root, where, [name], there=True).servers
        if places.real(server["dir"]) == where:
            yield name, settled.settings_of({**server, KEPT_IN: kept_in})
