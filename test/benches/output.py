"""What do the writers of a log pay for its being kept?"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benches.keeping import ROOT


def output(scratch: Path, lines: int) -> None:
    """Five processes that share a log print as fast as they can: alone, and with us, in turn."""
    subprocess.run(["cc", "-O1", "-o", scratch / "talk", ROOT / "test/fixtures/talk.c"], check=True)
    found: dict[str, list[float]] = {"alone": [], "kept": []}
    for _ in range(5):
        for name, times in found.items():
            place = Path(tempfile.mkdtemp(dir=scratch))
            conf = place / "conf"
            (conf / "servers").mkdir(parents=True)
            (conf / "monitor.conf").touch()
            kept = "kept" if name == "kept" else place / "log"
            text = (
                f"dir = {place}\ncommand = {scratch}/talk 5 {lines}\noutput = {kept}\noutput_max = 1M\nalert = none\n"
            )
            (conf / "servers" / "talk.conf").write_text(text)
            words = [str(ROOT / "monitor.sh"), "-c", str(conf), "-s", str(place / "state"), "talk"]
            monitor = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            while not (place / "talked").exists() or (place / "talked").read_text().count("\n") < 5:
                time.sleep(0.05)
            times.append(max(int(line.split()[1]) for line in (place / "talked").read_text().splitlines()))
            subprocess.run([*words[:-1], "stop", "talk"], stdout=subprocess.DEVNULL, check=True)
            monitor.terminate()
            monitor.wait()
            shutil.rmtree(place)
    alone = sorted(found["alone"])[2]
    for name, times in found.items():
        middle = sorted(times)[2]
        print(f"{name:6} {5 * lines} lines in {middle:.0f} ms   {middle / alone:.2f}")
