"""In which order do servers stop and start?  By `needs`, side by side where none needs the other."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from operate.target import Target


def waves(word: str, targets: list[Target]) -> list[list[Target]]:
    """Group the targets by `needs`: stop a server before those that it needs; start it after them.

    A monitor keeps that order by itself, so all that it starts is one wave.
    """
    if word != "stop" and all(target.monitor for target in targets):
        return [targets]
    left, found = list(targets), []
    while left:
        needed = {name for target in left for name in target.server.needs}
        first = [target for target in left if target.name not in needed] or left
        found.append(first)
        left = [target for target in left if target.name in needed] if len(first) < len(left) else []
    return found if word == "stop" else found[::-1]
