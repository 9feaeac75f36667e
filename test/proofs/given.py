"""What a proof is given: how much, which seed, where it may work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent.parent

T = TypeVar("T")


@dataclass(frozen=True)
class Given:
    """Of one proof.

    word: its name.  size: how much, in the unit of the proof.  seed: of all that is random.  jobs: so many tests at a
    time.  servers: how many, where a proof has its own.  only: of the parts of a proof, those whose description holds
    this text; "" for all.  scratch: a directory for this proof alone.  out: where its files are kept.
    """

    word: str
    size: int
    seed: int
    jobs: int
    servers: int
    only: str
    scratch: Path
    out: Path

    def parts(self, all_of_them: Iterable[T]) -> list[T]:
        """Those that `only` names, by their str().  Raises ValueError if there are none."""
        found = [part for part in all_of_them if self.only in str(part)]
        if not found:
            raise ValueError(f"{self.word} has no part {self.only!r}")
        return found

    def again(self) -> str:
        """The command that runs just this proof again."""
        more = f" --only '{self.only}'" if self.only else ""
        more += f" --servers {self.servers}" if self.servers else ""
        return f"test/proof {self.word}={self.size} --seed {self.seed}{more}"
