"""Put what was launched into its cgroup, and remove the cgroups that are empty, all that is wanted in one go.

To move a process, or to make or remove a cgroup, takes a lock of the whole machine, which the kernel holds for
milliseconds (spawn/cgroup.py).  So the loop only reads; a program does the rest (spawn/cgroups.sh).
"""

from __future__ import annotations

import os

from proc import cgroup, controllers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from loop.loop import Loop

    # directory, pid and start ticks of what goes there; pid 0: remove the directory if nothing is in it
    Wish = tuple[str, int, int]

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(__file__)), "spawn/cgroups.sh")
MOST_WISHES = 500  # at once: the arguments of a program are limited, execve(2)
REMOVE_MS = 1000  # a cgroup that has become empty may wait


class Cgroups:
    """The cgroups of the servers, checks and hooks of a host.  home: the directory below which they are."""

    def __init__(self, loop: Loop, home: str) -> None:
        self._loop = loop
        self._home = home
        self._own = ""  # the cgroup of the monitor
        self._retired: set[str] = set()  # to be removed as soon as nothing is in them
        self._wishes: list[Wish] = []
        self._is_under_way = self._is_due = False
        self._refusals: set[str] = set()
        self._news = ""

    def fresh(self, name: str) -> str:
        """The directory of a cgroup for what is launched next, which does not exist yet."""
        return f"{self._home}/{cgroup.fresh_name(name)}"

    def take_in(self, directory: str, pid: int, ticks: int) -> None:
        """Make this cgroup, and put the process into it, which we have just launched."""
        self._wishes.append((directory, pid, ticks))
        self._loop.after(0, self._set_out)

    def retire(self, directory: str) -> None:
        """Remove it as soon as nothing is in it."""
        if cgroup.is_ours(directory):
            self._retired.add(directory)
            self._sweep_soon()

    def retire_leftovers(self) -> None:
        """Remove the empty ones that an earlier monitor has left, and their namesakes of version 1."""

        def listed(text: str) -> None:
            for name in filter(None, text.split("\n")):
                self.retire(f"{self._home}/{name}")

        self._loop.errand(lambda: _names(self._home), listed, self._refuse)

    def _sweep_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.after(REMOVE_MS, self.sweep)

    def sweep(self) -> None:
        """Remove what is empty by now."""
        self._is_due = False
        empty = [directory for directory in self._retired if not cgroup.members(directory)]
        self._retired.difference_update(empty)
        self._wishes += [(directory, 0, 0) for directory in empty]
        self._set_out()

    def remove_now(self) -> None:
        """The same, without a child: the caller's loop is over."""
        self._retired = set(_not_removed(self._retired))

    def _set_out(self) -> None:
        if self._is_under_way or not self._wishes:
            return
        wishes, self._wishes = self._wishes[:MOST_WISHES], self._wishes[MOST_WISHES:]
        self._is_under_way = True
        before, self._loop.owner = self._loop.owner, None  # it works for several servers
        self._loop.program(self._command(wishes), self._come_back, self._failed)
        self._loop.owner = before

    def _command(self, wishes: list[Wish]) -> list[str]:
        self._own = self._own or cgroup.own()
        places = "\n".join(_places_in_v1(self._home))
        return ["/bin/sh", PROGRAM, self._own, places, *(str(word) for wish in wishes for word in wish)]

    def _come_back(self, text: str) -> None:
        self._is_under_way = False
        for line in text.split("\n"):
            word, _, rest = line.partition(" ")
            if word == "left":
                self._retired.add(rest)
            elif word == "refused":
                self._refuse(rest)
        self._set_out()

    def _failed(self, why: str) -> None:
        self._refuse(why)
        self._come_back("")

    def _refuse(self, why: str) -> None:
        if why not in self._refusals:
            self._refusals.add(why)
            instead = "only session and descent show what belongs to a server"
            self._news = f"{self._home}: no cgroup can be made or used: {why}; {instead}"

    def news(self) -> str:
        """What a person has to know, once: why the kernel refused a cgroup; else ""."""
        news, self._news = self._news, ""
        return news


def _names(home: str) -> str:
    """In a child of ours: the names of those that monitors made, in version 1 too, one a line."""
    return "\n".join(
        {name for place in (home, *_places_in_v1(home)) for name in _listed(place) if cgroup.is_ours(name)}
    )


def _places_in_v1(home: str) -> list[str]:
    return [os.path.dirname(place) for place in controllers.namesakes(f"{home}/")]


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _not_removed(directories: Iterable[str]) -> list[str]:
    from spawn import cgroup as ends

    return [directory for directory in directories if not ends.remove(directory)]
