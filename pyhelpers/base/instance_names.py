"""Several instances of one server as one word: `web@1..4` for web@1, web@2, web@3, web@4; `web@1..4,9`; `web@a,b`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

RANGE = ".."
LEAST = 3  # of so many consecutive numbers only the first and the last are shown


def split(name: str) -> tuple[str, str]:
    """The name and the instance of NAME@INSTANCE; the name and "" of any other, also of `NAME@INSTANCE in DIR`."""
    base, _, instance = name.rpartition("@")
    return (base, instance) if base and instance and " " not in instance else (name, "")


def joined(base: str, instances: Iterable[str]) -> str:
    """One word for these instances of a server, numbers first, in order."""
    found = list(dict.fromkeys(instances))
    numbers = sorted(int(each) for each in found if each.isdigit())
    names = [each for each in found if not each.isdigit()]
    return f"{base}@{','.join([*_runs(numbers), *names])}"


def folded(names: Iterable[str]) -> list[str]:
    """The names, in order, with the instances of each server as one word where the first of them stood."""
    groups: dict[str, list[str]] = {}
    for name in names:
        base, instance = split(name)
        groups.setdefault(base if instance else f"{name}@", []).append(name)
    return [
        found[0] if len(found) == 1 else joined(base, [split(name)[1] for name in found])
        for base, found in groups.items()
    ]


def _runs(numbers: list[int]) -> list[str]:
    """`1..4` for consecutive numbers, `1` and `2` for fewer than LEAST of them."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [word for run in runs for word in ([f"{run[0]}{RANGE}{run[-1]}"] if len(run) >= LEAST else map(str, run))]
