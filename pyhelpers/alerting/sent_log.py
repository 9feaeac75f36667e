"""How many messages has each hook sent recently?  We count the files in sent/, so a crash cannot damage the count.

One rename moves a message there and sets its ctime, the time of sending.  A message that was included in another one
(outbox.lay_by) has mtime 0 and does not count.

    $ cd pyhelpers; python3 -m alerting.sent_log state/alerts sms
    12 in the last hour, 1 in the last minute, the last 42 s ago

Exit status: 0, 2 usage.
"""

from __future__ import annotations

import os
import sys
import time

from base.exits import GOOD, USAGE
from config.quiet_hours import EVENTS

HOUR = 3600.0


class Tally:
    """The messages in sent/, by hook; call add() for each message sent later."""

    def __init__(self, alerts_dir: str) -> None:
        self._sent: dict[str, list[tuple[float, str]]] = {}
        try:
            with os.scandir(f"{alerts_dir}/sent") as entries:
                for entry in entries:
                    self._count(entry)
        except OSError:
            pass  # no message was sent yet
        for sent in self._sent.values():
            sent.sort()

    def _count(self, entry: os.DirEntry[str]) -> None:
        event, hook = parts(entry.name)
        if not hook:
            return
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return
        if status.st_mtime:
            self._sent.setdefault(hook, []).append((status.st_ctime, event))

    def add(self, hook: str, event: str, now: float) -> None:
        """Count one more message of this hook."""
        self._sent.setdefault(hook, []).append((now, event))

    def count(self, hook: str, seconds: float, now: float, singles: bool = False) -> int:
        """How many messages in the last `seconds`; singles: without digests."""
        return len(self._times(hook, seconds, now, singles))

    def room_in(self, hook: str, seconds: float, now: float, most: int, singles: bool = False) -> float:
        """Seconds until fewer than `most` (1 or more) messages lie within the last `seconds`; 0: now."""
        times = self._times(hook, seconds, now, singles)
        return times[-most] + seconds - now if len(times) >= most else 0.0

    def last(self, hook: str, now: float, event: str = "") -> float:
        """When the last message (of that event) was sent, in Unix seconds; 0: never."""
        sent = [when for when, which in self._sent.get(hook, []) if event in ("", which) and when <= now + 1]
        return max(sent, default=0.0)

    def _times(self, hook: str, seconds: float, now: float, singles: bool) -> list[float]:
        # If the clock was set back, a time is in the future and its age is unknown: leave it out.
        return [
            when
            for when, event in self._sent.get(hook, [])
            if now - seconds < when <= now + 1 and not (singles and event == "digest")
        ]


def parts(name: str) -> tuple[str, str]:
    """Event and hook to count for a message's file name (INCIDENT.EVENT.HOOK.json); "" and "" for other names."""
    if not name.endswith(".json"):
        return "", ""
    at, event = max((name.rfind(f".{event}."), event) for event in EVENTS)
    if at < 1:
        return "", ""
    hook = name[at + len(event) + 2 : -len(".json")]
    # a digest of give-ups, or about a failing hook, does not report a storm of deaths
    is_storm = event == "digest" and name.startswith("digest-") and not name[:at].endswith("-loud")
    return ("give_up" if event == "digest" and not is_storm else event), hook


def main(words: list[str]) -> int:
    """Print how many messages HOOK has sent."""
    if len(words) != 2:
        print("usage: python3 -m alerting.sent_log ALERTS_DIR HOOK", file=sys.stderr)
        return USAGE
    tally, now = Tally(words[0]), time.time()
    last = tally.last(words[1], now)
    ago = f", the last {now - last:.0f} s ago" if last else ""
    print(
        f"{tally.count(words[1], HOUR, now)} in the last hour, {tally.count(words[1], 60, now)} in the last minute{ago}"
    )
    return GOOD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
