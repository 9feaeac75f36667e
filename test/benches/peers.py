"""Other programs that keep servers up, if they are installed."""

from __future__ import annotations

from pathlib import Path

from benches.keeping import Run


def runit(scratch: Path) -> Run:
    """runsv, of runit."""
    run = Run("runit (runsv)", scratch, 1)
    service = run.scratch / "service"
    service.mkdir()
    words = " ".join(f"'{word}'" for word in run.commands["s0000"])
    (service / "run").write_text(f"#!/bin/sh\nexec {words}\n")
    (service / "run").chmod(0o755)
    run.start(["runsv", str(service)])
    return run
