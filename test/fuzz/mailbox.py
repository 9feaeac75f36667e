"""lib/mailbox.sh and what monitor.sh does with an event: the shell under test reads what the helper may send.

The helper's lines have no control characters and are UTF-8 (watch/shell_link.py); their texts come from servers, hooks,
names of files and records.  TEST_SHELL: the shell (dash).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

from inputs import HERE, ROOT, Chooser, holds

from watch import shell_link

NOW = "2026-11-20T08:01:27.123+08:00"
NUMBERS = ("0", "1", "2", "7", "812", "4194304")
ODD = ("", "-1", "x", "$(touch pwned)", "a[$(touch pwned)]", "9" * 25, "99", "1;reboot", "²")
NOT_NOW = ("", "-1", "x", "$(touch pwned)", "1;reboot", "²")


class Shell:
    """monitor.sh without its last line, and fuzz/loop.sh behind it, in one process for all inputs."""

    def __init__(self) -> None:
        suite = f"{HERE}/suite"
        os.mkdir(suite)
        os.symlink(f"{ROOT}/lib", f"{suite}/lib")
        with open(f"{ROOT}/monitor.sh", encoding="utf-8") as source:
            program, end, _ = source.read().rpartition('main "$@"')
        assert end, "monitor.sh ends otherwise than it did"
        with open(f"{ROOT}/test/fuzz/loop.sh", encoding="utf-8") as source:
            program += source.read()
        with open(f"{suite}/monitor.sh", "w", encoding="utf-8") as file:
            file.write(program)
        words = (os.environ.get("TEST_SHELL") or "dash").split()
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        self._process = subprocess.Popen(
            [*words, f"{suite}/monitor.sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self._count = 0

    def take(self, lines: list[str]) -> list[bytes]:
        """Give it these lines; what it printed, when it has done with them.  Fails where it did not live so long."""
        assert self._process.stdin and self._process.stderr
        self._count += 1
        last = f"say 0 1 {NOW} taken {self._count}"
        self._process.stdin.write(b"".join(shell_link._one_line(line) + b"\n" for line in ["fresh", *lines, last]))
        self._process.stdin.flush()
        printed: list[bytes] = []
        while not printed or not printed[-1].endswith(b"taken %d\n" % self._count):
            line = self._process.stderr.readline()
            assert line, ("it has ended", printed)
            printed.append(line)
        return printed

    def end(self) -> int:
        """Its exit status at the end of its input."""
        assert self._process.stdin
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        return self._process.wait()


def _number(choose: Chooser) -> str:
    return choose.pick(NUMBERS)


def _text(choose: Chooser) -> str:
    return choose.text(("hung (", ")", "restart ", "max_memory ", "hung ", "sent ", " ", ":"), most=4)


def _cause(choose: Chooser) -> str:
    """A process ended by itself, or was ended for what the shell puts into brackets."""
    return choose.pick(
        ("exit 3", "signal KILL (oom)", "unknown", f"hung ({_text(choose)})", f"limit (max_cpu {_text(choose)})")
    )


def _memory(choose: Chooser) -> str:
    """What a record remembers for the shell: any text, of which some has the form of one."""
    excesses = ("=", "=max_cpu=a-812-max_cpu-1-01234567 ", "=hung=a-812-hung-1-01234567 hung= =")
    written = choose.pick((*((each,) for each in excesses), ()))  # an earlier monitor wrote none
    fields = (
        "a-812-33-01234567",
        "1000",
        "5,7",
        "3,4,5",
        "death",
        "812",
        "3m",
        ", 2nd in 1h",
        *written,
        _cause(choose),
    )
    return (
        "".join(f"{field if choose.number(7) else choose.pick(ODD)}:" for field in fields)
        if choose.number(3)
        else _text(choose)
    )


FIELDS: dict[str, tuple[Callable[[Chooser], str], ...]] = {
    "recall": (_number, _memory),
    "up": (
        _number,
        lambda choose: f"{choose.pick(('launched', 'adopted', 'moved'))} own 12 {choose.pick(('-', '0', '4711'))}",
    ),
    "down": (_number, _number, lambda choose: "a-812-33-01234567", _cause),
    "restart_pending": (_number, _number, lambda choose: "a-812-33-01234567", _cause),
    "absent": (_text,),
    "failed": (_number, _text),
    "unlogged": (),
    "want": (lambda choose: choose.pick(("up", "down", "paused")),),
    "hung": (_number, _text),
    "limit": (_number, lambda choose: choose.pick(("alert", "restart")), lambda choose: "max_cpu", _text),
    "cleared": (_number, lambda choose: choose.pick(("hung", "max_cpu")), _text),
    "stuck": (_number, _cause),
    "stopped": (_number, _text),
    "order": (
        lambda choose: choose.pick(("start", "stop", "restart", "pause", "resume", "clear")),
        lambda choose: "12.34",
        lambda choose: choose.pick(("0", "1000", "-1")),
    ),
    "answered": (_text,),
    "tick": (),
    "say": (_text,),
    "hook": (_text,),
    "ready": (),
    "wake": (),
}
WORDS = [*FIELDS, "nonsense", "", "$(touch pwned)", "down\x1f"]


def _printed(lines: list[str]) -> list[bytes]:
    """What the shell printed for them; where it ended, the next lines get another one."""
    if not SHELLS:
        SHELLS.append(Shell())
    try:
        return SHELLS[0].take(lines)
    except (AssertionError, OSError) as error:
        status = SHELLS.pop().end()
        raise AssertionError(f"the shell ended with {status}: {error}; {lines}") from None


def an_event_is_answered_or_dropped(choose: Chooser) -> None:
    """The history stays one JSON object a line, the log of restarts one event a line."""
    lines = []
    for _ in range(LINES):
        word = choose.pick(WORDS)
        number = choose.pick(ODD) if choose.number(9) == 0 else choose.pick(("1", "2", "0"))
        now = choose.pick(NOT_NOW) if choose.number(9) == 0 else choose.pick(("1", "100", "9000000"))
        if number == "0" and word not in ("say", "hook", "tick", "ready", "wake"):
            number = "2"
        fields = [make(choose) for make in FIELDS.get(word, (_text,))]
        lines.append(" ".join([word, number, now, NOW, *fields]))
    for line in _printed(lines):
        assert b"\x1b" not in line and not any(word in line for word in OF_SHELLS), line
    with open("history.jsonl", "r+", encoding="utf-8") as history:
        for line in history:
            assert json.loads(line)["time"] == NOW
        history.truncate(0)
    with open("restart.log", "r+", encoding="utf-8") as log:
        for line in log:
            assert line.startswith("2026-11-20 08:01:27 - Server "), line
        log.truncate(0)


LINES = 4
SHELLS: list[Shell] = []
# what a shell says of a fault in its program
OF_SHELLS = (
    b"syntax error",
    b"not found",
    b"bad number",
    b"Illegal number",
    b"not a valid",
    b"unexpected",
    b"arithmetic",
    b"parameter not set",
    b"unbound",
)

if __name__ == "__main__":
    for name in ("history.jsonl", "restart.log"):
        open(name, "w").close()
    holds(an_event_is_answered_or_dropped, size=120, batch=8)
    status = SHELLS.pop().end()
    if status:
        sys.exit(f"the shell ended with {status}")
