"""What does the report of a year cost, and how long does a browser lay it out?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benches.keeping import ROOT


def report(scratch: Path, number: int) -> None:
    """The report of a year with 20,000 incidents: seconds, CPU of it, the most memory it had, the size of the page, and
    the layout of that in a browser.
    """
    state, conf, page = scratch / "state", scratch / "conf", scratch / "page.html"
    state.mkdir(mode=0o700)
    (conf / "servers").mkdir(parents=True)
    (conf / "monitor.conf").touch()
    for index in range(1, number + 1):
        (conf / "servers" / f"s{index}.conf").write_text("dir = /\ncommand = /bin/false\n")
    year = [str(ROOT / "test/fixtures/a_year.py"), str(state), "1", "365", str(number), "20000", "--clocks"]
    subprocess.run([sys.executable, *year], check=True, stdout=subprocess.DEVNULL)
    command = [str(ROOT / "monitor.sh"), "-c", str(conf), "-s", str(state), "report", "--days", "365"]
    for _ in range(5):
        began = time.monotonic()
        pid = subprocess.Popen([*command, "--output", str(page)]).pid
        _, status, usage = os.wait4(pid, 0)
        took, cpu = time.monotonic() - began, usage.ru_utime + usage.ru_stime
        size = page.stat().st_size >> 10
        print(f"status {status}   {took:.2f} s, CPU {cpu:.2f} s   {usage.ru_maxrss >> 10} MiB   page {size} KiB")
    if shutil.which("chromium"):  # as people see it, at all widths: what is wrong, and how long it is laid out
        browser = [sys.executable, str(ROOT / "test/fixtures/browser.py"), "chromium", str(page)]
        print(subprocess.run(browser, check=False, capture_output=True, text=True).stdout, end="")
