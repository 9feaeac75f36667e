"""Which TCP ports do the words of a program mean that could not listen because another one does?

    $ cd pyhelpers; python3 -m base.busy_port <server.log
    8000

prints them, the most probable one first.  Exit status: 0, 1 if there is none.

The words are those of a stranger, so a number counts only where a port is usual: behind an address (`0.0.0.0:8000`,
`[::]:80`, `*:80`, `('', 8000)`), behind the word port (`port 6379`), or behind `on`, `to` and the like.  First come the
lines that say that the address is in use, then those around them: PostgreSQL has the port in the next line.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST = 8  # ports; more are a list of something else
LONGEST_LINE = 1000  # characters of a line that are looked at
LONGEST_PORT = 5  # digits
_TAKEN = (
    *"already in use,address in use,addrinuse,connection in use,port is in use,already allocated".split(","),
    *"errno 98,os error 98,error: 98,(98:".split(","),
)
_HOSTS = ("", "*", "localhost", "null")
_BEFORE = ("to", "on", "bind", "listen", "listening", "tcp")  # words before a number that may be a port
_DIGITS = "0123456789"


def ports(text: str) -> list[int] | None:
    """The ports that may be meant, at most MOST; None if text does not say that an address is in use."""
    lines = [line[:LONGEST_LINE].lower() for line in text.split("\n")]
    said = [number for number, line in enumerate(lines) if any(words in line for words in _TAKEN)]
    if not said:
        return None
    around = sorted(range(len(lines)), key=lambda number: abs(number - said[-1]))
    found = [port for number in (*reversed(said), *around) for port in _ports_in(lines[number], _is_sure)]
    found += [port for number in said for port in _ports_in(lines[number], _is_likely)]
    return list(dict.fromkeys(found))[:MOST]


def _ports_in(line: str, is_meant: Callable[[str, str], bool]) -> Iterator[int]:
    """The numbers in a line that can be ports, and are meant to be by what is before and behind them."""
    begin = 0
    while begin < len(line):
        end = begin
        while end < len(line) and line[end] in _DIGITS:
            end += 1
        digits, behind = line[begin:end], line[end : end + 2]
        if digits and len(digits) <= LONGEST_PORT and 0 < int(digits) < 65536 and not _goes_on(behind):
            if is_meant(line[:begin], behind):
                yield int(digits)
        begin = end + 1


def _goes_on(behind: str) -> bool:
    """Is the number before it only a part of a word, or of another number?"""
    return (
        behind[:1].isalnum() or behind[:1] == "_" or (behind[:1] == "." and behind[1:] in _DIGITS and len(behind) > 1)
    )


def _is_sure(before: str, behind: str) -> bool:
    if before.endswith(("', ", '", ')):
        return behind[:1] in (")", ",")  # of Python: ('127.0.0.1', 8000)
    return before.endswith(":") and _is_host(before[:-1]) or _word_before(before.rstrip(" :=#\"'(")) == "port"


def _is_host(before: str) -> bool:
    """Does it end with the address of a host?"""
    word = "" if before[-1:].isspace() else before.rpartition(" ")[2].rpartition("/")[2]
    host = word.lstrip("\"'(<[").rstrip("]>")
    parts = host.split(".")
    return host in _HOSTS or "::" in host or (len(parts) == 4 and all(part.isdigit() for part in parts))


def _is_likely(before: str, behind: str) -> bool:
    return before[-1:] == " " and _word_before(before.rstrip()) in _BEFORE


def _word_before(text: str) -> str:
    """The letters that text ends with."""
    return text[len(text.rstrip("abcdefghijklmnopqrstuvwxyz")) :]


def main() -> int:
    """Print the ports that standard input means."""
    from base import last_words

    found = ports(last_words.text_of(sys.stdin.buffer.read()[-last_words.MOST :]))
    print(*found or [])
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
