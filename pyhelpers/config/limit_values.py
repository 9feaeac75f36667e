"""What may a limit say? The parsers of `512M for 1m restart`, `90% for 5m alert`, `1000 for 1m alert` and `10M`.

As in config/values.py, a ValueError says what is wrong and what to write.
"""

from __future__ import annotations

from config import neighbours
from config.values import duration, size, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.values import Parser

ACTIONS = ("alert", "restart")
MOST = 1 << 30
LEAST_OUTPUT = 64 << 10
MOST_CORES = 100


def limit(amount: Parser, example: str) -> Parser:
    """Return a parser of `AMOUNT for TIME ACTION`, whose result is [amount, ms, action]."""

    def parse(text: str) -> list[object]:
        words = text.split()
        if len(words) != 4 or words[1] != "for":
            raise ValueError(f'"{text}" is no limit; write how much, for how long and what to do then, like {example}')
        if words[3] not in ACTIONS:
            hint = neighbours.meant(words[3], ACTIONS, neighbours.LIMIT)
            raise ValueError(f'"{words[3]}" is none of {", ".join(ACTIONS)}{hint}')
        return [amount(words[0]), duration(1)(words[2]), words[3]]

    return parse


def memory(text: str) -> int:
    """Return bytes, at least 1."""
    found: int = size(text)
    if found < 1:
        raise ValueError(f'"{text}" leaves nothing to run in; write a size like 512M')
    return found


def output_max(text: str) -> int:
    """Return bytes; a log below LEAST_OUTPUT would be turned over all the time."""
    found: int = size(text)
    if found < LEAST_OUTPUT:
        raise ValueError(f'"{text}" is too small for a log; write at least {LEAST_OUTPUT >> 10}K, or none')
    return found


def percent(text: str) -> int:
    """Return percent of one core; a server that uses four cores has 400%."""
    if not text.endswith("%"):
        raise ValueError(f'"{text}" is not a part of a core; write it like 90%, or 400% for four cores')
    return whole(1, MOST)(text[:-1])


max_memory = limit(memory, "512M for 1m restart")
max_cpu = limit(percent, "90% for 5m alert")
max_fds = limit(whole(1, MOST), "1000 for 1m alert")


def cores(text: str) -> int:
    """Return how many cores to keep, of `no` or `keep N`."""
    word, _, number = text.partition(" ")
    if text == "no":
        return 0
    if word != "keep" or not number.strip().isdecimal():
        hint = "" if word == "keep" else neighbours.meant(word, ("no", "keep"), neighbours.NO)
        raise ValueError(f'"{text}" is not known; write no, or how many cores to keep, like keep 3{hint}')
    found: int = whole(1, MOST_CORES)(number.strip())
    return found
