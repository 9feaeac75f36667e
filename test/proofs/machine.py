"""Where a proof was made: the table above its results."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from proofs.given import ROOT


def facts() -> dict[str, str]:
    """Name -> value: processor, memory, kernel, versions."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "suite": _said([str(ROOT / "monitor.sh"), "-V"]),
        "commit": _said(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]),
        "bats": _said(["bats", "--version"]),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def _said(words: list[str]) -> str:
    """The first line that a program prints; "unknown" if it cannot."""
    try:
        said = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.partition("\n")[0].strip() or "unknown"
