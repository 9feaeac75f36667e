"""Which version of the suite is this?  Beside base/suite.py, because the resident process needs only that."""

from __future__ import annotations

from base.suite import ROOT

_VERSION = "usage_version="


def version() -> str:
    """That of the suite, as monitor.sh -V prints it; "" if lib/usage.sh does not tell.  Raises OSError."""
    with open(f"{ROOT}/lib/usage.sh", encoding="ascii", errors="replace") as source:
        return next((line[len(_VERSION) :].strip() for line in source if line.startswith(_VERSION)), "")
