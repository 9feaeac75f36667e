"""When is it quiet?  `quiet = 23:00-07:00 except give_up`: messages wait until 07:00, except for the named events.

    $ cd pyhelpers; python3 -m config.quiet_hours '23:00-07:00 except give_up'
    quiet for 6 h 12 min more
    $ cd pyhelpers; python3 -m config.quiet_hours '12:00-13:00, 23:00-07:00'
    not quiet

Hours are local time, every day; commas separate several. A give-up is sent at any hour, named or not.
Exit status: 0 quiet, 1 not quiet, 2 usage, 6 not a value for `quiet`.
"""

from __future__ import annotations

import sys
import time

from config import neighbours

EVENTS = ("death", "give_up", "recovery", "hung", "limit", "lag", "digest", "core")
_DAY = 24 * 60
_DIGITS = ((1, 2), (2, 2))  # of an hour and a minute


def quiet(text: str) -> list[str]:
    """The parser of `quiet`: [HH:MM-HH:MM..., except, EVENT...]; [] for none.  Raises ValueError."""
    if text in ("", "none"):
        return []
    hours, word, rest = text.partition(" except ")
    events = rest.replace(",", " ").split()
    spans = hours.replace(",", " ").split()
    if not spans or not all(map(_is_span, spans)) or (word and not events):
        raise ValueError(f'"{text}" is not known; write none, or hours and events, like 23:00-07:00 except give_up')
    for event in events:
        if event not in EVENTS:
            hint = neighbours.meant(event, EVENTS, neighbours.EVENTS)
            raise ValueError(f'"{event}" is none of {", ".join(EVENTS)}{hint}')
    return [*spans, "except", *events]


def _is_span(text: str) -> bool:
    begin, dash, end = text.partition("-")
    return bool(dash) and 0 <= _minute(begin) < _DAY and 0 <= _minute(end) <= _DAY and _minute(begin) != _minute(end)


def _minute(text: str) -> int:
    """HH:MM as minute of the day; -1: not a time."""
    hour, colon, minute = text.partition(":")
    if not colon or not (hour + minute).isdigit() or not text.isascii() or (len(hour), len(minute)) not in _DIGITS:
        return -1
    return int(hour) * 60 + int(minute) if int(hour) <= 24 and int(minute) <= 59 else -1


def wait(settled: list[str], event: str, now: float) -> float:
    """Seconds until a message of this event may be sent; 0: now.  settled: the result of quiet(); now: Unix seconds."""
    if not settled or event in settled[settled.index("except") :]:
        return 0.0
    clock = time.localtime(now)
    second = clock.tm_hour * 3600 + clock.tm_min * 60 + clock.tm_sec + now % 1
    left = 0.0
    for span in settled[: settled.index("except")]:
        begin, end = (_minute(each) * 60 for each in span.split("-"))
        if (begin <= second < end) if begin < end else (second >= begin or second < end):
            left = max(left, (end - second) % (_DAY * 60))
    return left


def main(words: list[str]) -> int:
    """Print whether it is quiet now, by these hours."""
    if len(words) != 1:
        print("usage: python3 -m config.quiet_hours HOURS", file=sys.stderr)
        return 2
    try:
        left = wait(quiet(words[0]), "", time.time())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 6
    minutes = -int(-left // 60)
    print(f"quiet for {minutes // 60} h {minutes % 60} min more" if left else "not quiet")
    return 0 if left else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
