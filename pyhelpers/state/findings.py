"""What only the resident helper knows of its servers, for programs beside it: RUN_DIR/found.

    -           last_pass_timestamp_seconds  1795132887.123
    msg_server  check_success                1

One figure a line, `PLACE TAB NAME TAB VALUE`; PLACE is the directory of the server below STATE_DIR/servers/, `-` for
the monitor itself; NAME is that of the metric, without `monitor_` and `server_`.
"""

from __future__ import annotations

from base import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    # a place, a name and a value
    Finding = tuple[str, str, float]

NAME = "found"
MONITOR = "-"


def write(run_dir: str, found: Iterable[Finding]) -> None:
    """Replace what was found earlier.  Raises OSError."""
    files.replace(f"{run_dir}/{NAME}", "".join(f"{place}\t{name}\t{value:.6f}\n" for place, name, value in found))


def read(run_dir: str) -> dict[tuple[str, str], float]:
    """What was found, by place and name; {} if nothing is there, or we may not read it."""
    found = {}
    try:
        with open(f"{run_dir}/{NAME}", encoding="ascii", errors="replace") as source:
            for line in source:
                place, name, value = line.rstrip("\n").split("\t")
                found[place, name] = float(value)
    except (OSError, ValueError):
        pass
    return found
