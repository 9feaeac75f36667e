"""What a proof has found, as the line that a person reads and a row of the table."""

from __future__ import annotations

from dataclasses import dataclass, field

SHOWN = 20  # faults that are printed


@dataclass
class Result:
    """Of one proof.

    made: what was really done, as `10000 rounds in 5 shells`.  wrong: a sentence for each fault that was found.
    figures: what was measured, as `p50 1.9 ms`.  seconds: how long it took.
    """

    word: str
    made: str
    seed: int
    wrong: list[str]
    figures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def line(self) -> str:
        """As `kills: 10000 rounds in 5 shells, seed 7: wrong 0, 83 min`."""
        measured = f"; {', '.join(self.figures)}" if self.figures else ""
        return f"{self.word}: {self.made}, seed {self.seed}: wrong {len(self.wrong)}, {self._took()}{measured}"

    def row(self) -> str:
        """A row of the table in summary.md."""
        cells = (self.word, self.made, str(self.seed), str(len(self.wrong)), "; ".join(self.figures), self._took())
        return f"| {' | '.join(cells)} |"

    def faults(self) -> list[str]:
        """The sentences, the first SHOWN of them."""
        rest = len(self.wrong) - SHOWN
        return self.wrong[:SHOWN] + ([f"and {rest} more"] if rest > 0 else [])

    def _took(self) -> str:
        return f"{self.seconds / 60:.0f} min" if self.seconds >= 100 else f"{self.seconds:.0f} s"
