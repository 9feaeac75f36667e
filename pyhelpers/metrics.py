"""What Prometheus asks of the servers and of the monitors, in its text format.

    $ python3 -E -s pyhelpers/metrics.py ROOT CONF_DIR STATE_DIR CWD [--output FILE]
    # HELP monitor_server_up Does the server run (state RUNNING, or PAUSED with a process)?
    # TYPE monitor_server_up gauge
    monitor_server_up{server="msg_server"} 1

--output: write FILE once.  `write STATE_DIR RUN_DIR FILE` does so for the helper of a monitor, and prints what a person
should know.

It is about the servers that the monitors of STATE_DIR watch; if none runs, about those in conf.

Exit: 0 · 1 FILE cannot be written · 2 usage · 4 no permission · 6 conf is not in order.
"""

from __future__ import annotations

import os
import sys
import time

from base.exits import GOOD, USAGE, Refused
from operate.command_line import end
from operate.context import Place
from seeing import alert_counts, metrics_file, suite_version, tally
from seeing.metrics import Report
from seeing.monitors import Monitors
from watch import faults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from proc.server import Server

NICER = 10  # the servers come first


def collect(state_dir: str, run_dir: str, in_conf: Callable[[], list[Server]], use: Callable[[str], None]) -> str:
    """Pass the metrics to use; what it gets never falls behind what an earlier call got.  Returns a remark, or "".

    run_dir: of the monitor that asks, or ""; in_conf: the servers if no monitor runs.  Raises OSError, and what in_conf
    and use raise.
    """
    with tally.locked(state_dir) as may_write:
        counters = tally.Tally(state_dir)
        remarks = [counters.remark]
        counters.catch_up()
        remarks.append(counters.lost)
        alert_counts.count(counters)
        now = time.time()
        monitors = Monitors(state_dir, now, run_dir)
        report = Report(counters, monitors, now)
        text = report.text(monitors.servers() or in_conf(), suite_version.version())
        if may_write:
            try:
                counters.save()
            except OSError as error:
                remarks.append(f"{state_dir}/{tally.NAME}: {error.strerror}; counted again the next time")
        use(text)
    return "\n".join(filter(None, remarks + report.remarks))


def _output(words: list[str]) -> str:
    """The file of --output; "": none.  Raises Refused."""
    if not words:
        return ""
    if len(words) != 2 or words[0] != "--output":
        raise Refused(USAGE, f"metrics takes only --output FILE, not {' '.join(words)}")
    return words[1]


def _print(place: Place, words: list[str]) -> int:
    file = _output(words)

    def use(text: str) -> None:
        if file:
            metrics_file.write_or_refuse(os.path.join(place.cwd, file), text)
        else:
            sys.stdout.buffer.write(text.encode("utf-8"))

    remark = collect(place.state_dir, "", lambda: place.servers(["all"], partly=True), use)
    if remark:
        print(remark, file=sys.stderr)
    return GOOD


def _write(state_dir: str, run_dir: str, file: str) -> int:
    os.nice(NICER)
    try:
        remark = collect(state_dir, run_dir, list, lambda text: metrics_file.write_or_refuse(file, text))
    except (OSError, Refused):
        raise
    except Exception as error:
        faults.write(state_dir, "metrics", error)
        remark = f"a fault of the monitor itself at {faults.place(error)}: {faults.words(error)}; see faults.log"
    if remark:
        print(remark)
    return GOOD


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    if argv[0] == "write":
        return end(lambda: _write(*argv[1:4]))
    return end(lambda: _print(Place(*argv[:4]), argv[4:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
