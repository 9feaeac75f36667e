"""What a monitor costs now: memory, descriptors, the size of its state."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proofs.growth import growing
from proofs.latency import quantile

MEMORY_LEAST = 0.5  # MiB, over half a soak: an allocator takes and gives back that much
DESCRIPTORS_LEAST = 1.5


@dataclass
class Samples:
    """Over time; all lists are as long as each other.

    at: how many deaths there had been.  memory: MiB of helper and shell, anonymous: what they share with a child that
    lives for a moment is counted whole.  descriptors: of both.  state: MiB of
    STATE_DIR.  middle, slow: ms, p50 and p99 of the restarts since the sample before.
    """

    at: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    descriptors: list[float] = field(default_factory=list)
    state: list[float] = field(default_factory=list)
    middle: list[float] = field(default_factory=list)
    slow: list[float] = field(default_factory=list)

    def take(self, at: float, pids: Sequence[int], state: Path, latency: Sequence[float]) -> None:
        """One more.  Raises OSError if a process has ended."""
        memory, descriptors = sum(map(_memory, pids)), sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
        ordered = sorted(latency)
        self.at.append(at)
        self.memory.append(memory)
        self.descriptors.append(descriptors)
        self.state.append(_size(state))
        self.middle.append(quantile(ordered, 0.5))
        self.slow.append(quantile(ordered, 0.99))

    def grows(self) -> list[str]:
        """A sentence for what grows, or has too few samples to say."""
        return [
            *growing("memory", "MiB", self.at, self.memory, MEMORY_LEAST),
            *growing("the number of descriptors", "descriptors", self.at, self.descriptors, DESCRIPTORS_LEAST),
        ]


def _memory(pid: int) -> float:
    """Anonymous memory, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _size(directory: Path) -> float:
    """Of all files below it, in MiB."""
    total = 0
    for place, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(f"{place}/{name}").st_size
            except OSError:
                pass  # it was removed meanwhile
    return total / 2**20
