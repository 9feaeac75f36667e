"""A process that runs programs in a loop and follows no servers: the part of a host that loop/run_limited.py needs."""

from __future__ import annotations

from loop import cgroups, descendants
from loop.loop import Loop
from spawn import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from proc.identity import Process


class Subreaper:
    """This process: from now on the orphans of the programs it runs become its children (PR_SET_CHILD_SUBREAPER)."""

    followed: Container[int] = ()

    def __init__(self) -> None:
        launch.become_subreaper()
        self.loop = Loop()
        self.shared: dict[str, object] = {}

    def run(self) -> None:
        """Run the loop to its end; then remove the cgroups of what it ran."""
        self.loop.run()
        ours = cgroups.of(self)
        if ours:
            ours.remove_now()

    def orphans(self, sid: int = 0, listed: bool = False) -> Iterator[Process]:
        """See loop/host.py."""
        return descendants.orphans(self.loop, (), sid, listed)
