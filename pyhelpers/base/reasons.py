"""Which of the lines that a program printed says why it ended?

    $ cd pyhelpers; python3 -m base.reasons <server.log
    SyntaxError: invalid syntax

prints that line.  Exit status: 0, 1 if there is none.

Each line has a rank by what kind of line it is, and the last one of the highest rank is taken.  Programs say the cause
first and then, in other words, that they end: so a line that only says so (`Aborting`, `configuration file contains
errors`) has a low rank, as has what belongs to another line: a frame of a trace, a remark of a level below error.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 200  # characters, in a line of restart.log
ROOT, CAUSE, FAULT, WEAK, END, OTHER = 5, 4, 3, 2, 1, 0

# What no other line explains better: the port of a server is taken, or the loader refuses the program (ld.so(8))
_ROOTS = (
    *"address already in use,address in use,addrinuse,connection in use,already in use,errno 98,(98:".split(","),
    *"while loading shared libraries,symbol lookup error".split(","),
)
# The ends of a program that gives its reason: levels above error, and errors of the system (errno(3))
_CAUSES = (
    *"[emerg,[alert,[crit,fatal,panic,critical,caused by:,exception:,terminate called,what():,assert".split(","),
    *"no such file,permission denied,not permitted,connection refused,cannot assign requested,no space left".split(","),
    *"read-only file system,too many open files,cannot allocate,out of memory,name or service not known".split(","),
)
_FAULTS = (
    *"error exception cannot can't unable denied refused invalid unknown unrecognized unexpected undefined".split(),
    *"unsupported missing illegal bad wrong segmentation corruption killed unbound".split(),
    *"not found,no such,in use,could not,not supported,not allowed,is required,must be,does not exist".split(","),
)
_WEAK = ("fail", "warn", "refus", "abort")
# Only that it ends
_ENDS = (
    *"abort,exiting,will exit,shutting down,shut down,failed to boot,terminating,errors found,error(s) found".split(
        ","
    ),
    *"contains errors,error in configuration,java virtual machine.,still could not,giving up,unable to open logs".split(
        ","
    ),
)
_REMARKS = (
    *"[info] [notice] [note] [warn] [warning] [debug] info: notice: note: hint: detail: debug: warning:".split(),
)
_TRACE = "Traceback (most"
_ENDINGS = ("Error", "Exception")  # of the names of exceptions in Python, JavaScript, Java, PHP
_DAYS = "jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu fri sat sun".split()
_OF_NUMBERS = "0123456789-+.,:/tzcmsx"  # and of what stands behind them: zones, the roles of redis


def reason(text: str) -> str:
    """The line of text that says why, without its time stamp; "" if there is no line."""
    best, said = -1, ""
    for rank, line in _ranked(text.split("\n")):
        if rank >= best:
            best, said = rank, line
    return " ".join(word for word in _without_stamp(said).split() if not _is_thread(word))[:LONGEST]


def _ranked(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Each line with its rank; a line that announces the next one comes together with it."""
    head, least, is_traced = "", OTHER, False
    for line in lines:
        is_inner = line[:1].isspace()
        is_last_of_trace = is_traced and not is_inner and not line.startswith(_TRACE)
        is_traced = line.startswith((_TRACE, '  File "')) or (is_traced and is_inner)
        rank = max(least, CAUSE if is_last_of_trace else _rank(line, is_inner))
        yield rank, head + line
        head = _head(line, rank) if not is_inner else ""
        least = rank if head else OTHER


def _head(line: str, rank: int) -> str:
    """What is to stand before the next line: a fault whose end is a colon, or words of conf that are quoted."""
    if line.startswith(">>> "):  # redis
        return line[4:] + ": "
    return line + " " if line.endswith(":") and rank >= FAULT and not line.startswith(_TRACE) else ""


def _rank(line: str, is_inner: bool) -> int:
    small = line.lower()
    if _is_frame(line, is_inner):
        return CAUSE if small.lstrip().startswith("what():") else OTHER
    if _holds(small, _ROOTS):
        return ROOT
    if _holds(small, _ENDS):
        return END
    if _is_remark(small):
        return WEAK if _holds(small, _FAULTS) else OTHER
    if _is_exception(line) or _holds(small, _CAUSES):
        return WEAK if line.startswith("***") else CAUSE  # a banner
    if _holds(small, _FAULTS):
        return FAULT
    return WEAK if _holds(small, _WEAK) else OTHER


def _holds(line: str, words: tuple[str, ...]) -> bool:
    return any(word in line for word in words)


def _is_frame(line: str, is_inner: bool) -> bool:
    """Does it belong to the line above?"""
    return is_inner or line.startswith(("at ", "... ", "}", "^"))


def _is_remark(small: str) -> bool:
    return _holds(small, _REMARKS)


def _is_exception(line: str) -> bool:
    """Does it begin with the name of an exception and a colon?"""
    name, colon, _ = line.partition(":")
    return bool(colon) and name.endswith(_ENDINGS) and name.replace(".", "").isidentifier()


def _without_stamp(line: str) -> str:
    """The line without the date, time and pid that it begins with."""
    rest, is_stamp = line, False
    while True:
        word, _, behind = rest.lstrip().partition(" ")
        if not behind or not (_is_of_stamp(word) or (not is_stamp and word.strip("[,").lower() in _DAYS)):
            return rest.lstrip() if is_stamp else line
        is_stamp = is_stamp or _is_time(word)
        rest = behind


def _is_thread(word: str) -> bool:
    """Is it a pid and a thread, as nginx writes them?  790#790:"""
    return word[-1:] == ":" and "#" in word and not word.strip("0123456789#:")


def _is_time(word: str) -> bool:
    """Is it a clock or a date?  12:30:01.5, 2026-11-20, 2026/11/20, also both with a T between."""
    return sum(word.count(mark) for mark in ":-/") >= 2 and word.strip("[](),")[:2].isdigit()


def _is_of_stamp(word: str) -> bool:
    """Is it a part of a stamp?  [790]  790:M  +0000]  UTC  #"""
    bare = word.strip("[](),:").lower()
    return bare in ("", "#", "*", "-", "utc", "gmt") or (bare[0] in "0123456789+-" and not bare.strip(_OF_NUMBERS))


def main() -> int:
    """Print the reason among the lines of standard input."""
    from base import last_words

    found = reason(last_words.text_of(sys.stdin.buffer.read()[-last_words.MOST :]))
    if found:
        print(found)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
