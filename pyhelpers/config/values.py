"""What may a value say? The parsers of the right side of `key = value`.

A parser takes the text of a value and returns it typed: durations in ms, sizes in bytes, yes and no as 1 and 0,
whole numbers as int, lists as lists of str. It raises ValueError, which says what is wrong and what to write.
config/keys.py maps keys to parsers.
"""

from __future__ import annotations

from base.tokens import is_quoted, split_groups, split_list, split_words
from config import neighbours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from config.neighbours import Foreign

    Parser = Callable[[str], Any]

_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-")
NAME_RULE = "use letters, digits and _ . @ - only, first a letter or digit; NAME@PORT has a port from 1 to 65535"
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
# mksh counts with 32 bits: a longer time in ms would become negative in the monitor.
_LONGEST = 24 * _UNITS["d"]
SIGNALS = ("HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "USR2", "ALRM", "TERM", "CONT", "WINCH", "PWR")
_UNLIMITED = -1  # RLIM_INFINITY


def is_name(text: str) -> bool:
    """May text name a server or a hook?  [A-Za-z0-9_.@-]+, the first a letter or digit."""
    return text[:1].isalnum() and _NAME.issuperset(text)


def is_server_name(text: str) -> bool:
    """May text name a server?  A name, but not `all`; in NAME@PORT the port is from 1 to 65535."""
    port = split_instance(text)[1]
    return is_name(text) and text != "all" and (not port or (port[0] != "0" and len(port) < 6 and int(port) < 65536))


def is_tag(text: str) -> bool:
    """Is text an @TAG, which means all servers with that tag?"""
    return text[:1] == "@" and is_name(text[1:])


def split_instance(name: str) -> tuple[str, str]:
    """Return NAME and PORT of NAME@PORT; for any other name, even one with an @, the name and ""."""
    base, _, port = name.rpartition("@")
    return (base, port) if base and port.isdigit() else (name, "")


# Parsers of one value.


def path(text: str) -> str:
    """Return one path; without quotes it may hold blanks, because it is the whole value."""
    words = split_words(text) if is_quoted(text) else [text]
    if len(words) != 1 or not words[0]:
        raise ValueError("needs one path; put all of it between one pair of quotes")
    return words[0]


def output(text: str) -> str | list[str]:
    """Return a path, `kept` or `-`; or `|`, a program and its arguments as a list."""
    if not text.startswith("|"):
        hint = neighbours.meant(text, ("kept",), neighbours.OUTPUT) if text.isalpha() and text != "kept" else ""
        if hint:
            raise ValueError(f'"{text}" is no path; write ./{text} for a file in dir{hint}')
        return path(text)
    words = split_words(text[1:].strip())
    if not words or not words[0]:
        raise ValueError("needs a program behind |; write it with its arguments, like |s6-log n10 /var/log/x")
    return ["|", *words]


def one_of(*choices: str, foreign: Foreign | None = None) -> Parser:
    """Return a parser of one of these words.  foreign: words of others that mean one of them."""

    def parse(text: str) -> str:
        if text not in choices:
            hint = neighbours.meant(text, choices, foreign or {})
            raise ValueError(f'"{text}" is none of {", ".join(choices)}{hint}')
        return text

    return parse


def yes_or_no(text: str) -> int:
    """Return 1 for yes, 0 for no."""
    if text not in ("yes", "no"):
        hint = neighbours.meant(text, ("yes", "no"), neighbours.YES_OR_NO)
        raise ValueError(f'"{text}" is not known; write yes or no{hint}')
    return int(text == "yes")


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from lowest to highest."""

    def parse(text: str) -> int:
        if not _is_number(text.removeprefix("-")) or not lowest <= int(text) <= highest:
            raise ValueError(f'"{text}" is not a whole number from {lowest} to {highest}')
        return int(text)

    return parse


def _is_number(text: str) -> bool:
    return text.isdigit() and text.isascii() and len(text) < 19


def _with_unit(text: str, units: dict[str, int]) -> int:
    """Return a number times its unit; -1 if text is not a number with a known unit."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    unit = text[len(number) :]
    return int(number) * units[unit] if _is_number(number) and unit in units else -1


def duration(lowest: int = 0, longest: int = _LONGEST) -> Parser:
    """Return a parser of durations from `lowest` to `longest` ms."""

    def parse(text: str) -> int:
        found = _milliseconds(text, lowest)
        if found > longest:
            raise ValueError(f'"{text}" is too long; {lowest}ms to {longest // 1000}s will do')
        return found

    return parse


def _milliseconds(text: str, lowest: int = 0) -> int:
    found = _with_unit(text, _UNITS)
    if found < 0:
        raise ValueError(f'"{text}" is not a duration; write it like 500ms, 15s, 5m or 2h')
    if not lowest <= found <= _LONGEST:
        raise ValueError(f'"{text}" is too {"short" if found < lowest else "long"}; {lowest}ms to 24d will do')
    return found


def period(text: str) -> float:
    """Seconds of a time that may be longer than a duration of conf, like 90d."""
    milliseconds = _with_unit(text, _UNITS)
    if milliseconds <= 0 or milliseconds // 1000 >= 1 << 32:
        raise ValueError(f'"{text}" is not a time; write it like 12h or 30d')
    return milliseconds / 1000


def size(text: str) -> int:
    """Return bytes."""
    found = _with_unit(text, _SIZES)
    if found < 0 or found >= 1 << 63:
        raise ValueError(f'"{text}" is not a size; write it in bytes or like 512K, 64M or 2G')
    return found


def or_unlimited(parse: Parser) -> Parser:
    """Return a parser that also accepts `unlimited`, as -1."""

    def parse_limit(text: str) -> object:
        if text == "unlimited":
            return _UNLIMITED
        try:
            return parse(text)
        except ValueError as error:
            hint = neighbours.meant(text, ("unlimited",), neighbours.UNLIMITED)
            raise ValueError(f"{error}{hint}") from None

    return parse_limit


def umask(text: str) -> str:
    """Return the octal digits."""
    if not text.isascii() or not text.isdigit() or len(text) > 4 or set("89") & set(text) or int(text, 8) > 0o777:
        raise ValueError(f'"{text}" is not a umask; write it in octal, like 022')
    return text


def account(file: str) -> Parser:
    """Return a parser of a user or a group: a number, or a name that this machine knows."""

    def parse(text: str) -> str:
        import grp
        import pwd

        try:
            if not _is_number(text):
                pwd.getpwnam(text) if file == "user" else grp.getgrnam(text)
        except KeyError:
            raise ValueError(f'no {file} "{text}" on this machine; add it, or name another') from None
        return text

    return parse


# Parsers of several words.


def command(text: str) -> list[str]:
    """Return program and arguments, split as a shell splits words."""
    words = split_words(text)
    if not words or not words[0]:
        raise ValueError("needs a program; write it with its arguments, like ./NAME -f x.conf")
    return words


def several(parse: Parser | None = None) -> Parser:
    """Return a parser of lists; `parse`, if given, checks each element."""

    def parse_list(text: str) -> list[str]:
        found = split_list(text)
        if "" in found:
            raise ValueError("holds an empty element; take it out")
        if parse:
            for word in found:
                parse(word)
        return found

    return parse_list


def match(text: str) -> list[str]:
    """Return the words that the process must show, all of them."""
    found = split_list(text)
    if not found or "" in found:
        raise ValueError("needs words that the process must show")
    return found


def exit_codes(text: str) -> list[int]:
    """Return the statuses, 0 to 255."""
    parse = whole(0, 255)
    return [parse(word) for word in split_list(text)]


def name(text: str) -> str:
    """Return the name of a hook or a server."""
    if not is_name(text):
        raise ValueError(f'"{text}" cannot be a name; {NAME_RULE}')
    return text


def tag(text: str) -> str:
    """Return one tag."""
    if not is_name(text) or "@" in text:
        raise ValueError(f'"{text}" cannot be a tag; use letters, digits and _ . - only, first a letter or digit')
    return text


def assignment(text: str) -> str:
    """Return one NAME=VALUE."""
    name, equals, _ = text.partition("=")
    if not equals or not name.isidentifier() or not name.isascii():
        raise ValueError(f'"{text}" is not NAME=VALUE; quote a value with blanks or commas: "NAME=a b"')
    return text


def pid_from(text: str) -> list[list[str]]:
    """Return the sources, each a list: own, pidfile FILE, or log GLOB FIELD."""
    groups = split_groups(text)
    for group in groups:
        kind, count = group[0], len(group)
        fits = kind == "log" and count == 3 and _is_number(group[2]) and int(group[2]) > 0
        if not fits and not (kind == "own" and count == 1) and not (kind == "pidfile" and count == 2):
            hint = neighbours.meant(kind, ("own", "pidfile", "log"), neighbours.PID_FROM)
            hint = f"; did you mean pidfile {kind}?" if kind.startswith("/") and count == 1 else hint
            text = " ".join(group)
            raise ValueError(f'"{text}" is no source; write own, pidfile FILE or log GLOB FIELD (from 1){hint}')
    if not groups:
        raise ValueError("needs a source; write own, pidfile FILE or log GLOB FIELD, several with commas")
    return groups


def backoff(text: str) -> list[int]:
    """Return the first and the longest delay, in ms."""
    found = [_milliseconds(word) for word in split_list(text)]
    if len(found) != 2 or found[0] > found[1]:
        raise ValueError(f'"{text}" is not a first and a longest wait; write two, like 0s 60s')
    return found


def give_up(text: str) -> list[int]:
    """Return a count and a window in ms; [0, 0] for never."""
    words = text.split()
    if words == ["never"]:
        return [0, 0]
    if len(words) != 3 or words[1] != "in" or not _is_number(words[0]) or int(words[0]) < 1:
        hint = neighbours.meant(text, ("never",), neighbours.GIVE_UP)
        raise ValueError(f'"{text}" is not known; write never, or deaths and time, like 5 in 60s{hint}')
    if int(words[0]) > 50:
        raise ValueError(f'"{text}": no more than 50 deaths are remembered; write fewer, in a shorter time')
    return [int(words[0]), _milliseconds(words[2], 1)]


def signal_name(text: str) -> str:
    """Return the name of a signal without SIG."""
    name = text.removeprefix("SIG")
    if name not in SIGNALS:
        hint = neighbours.meant(name, SIGNALS, neighbours.SIGNALS)
        raise ValueError(f'"{text}" is none of the signals {", ".join(SIGNALS)}{hint}')
    return name


def kept(text: str) -> str:
    """Return `count N`, or `age S` in seconds: 30 days in ms would not fit into 32 bits."""
    if _is_number(text):
        return f"count {whole(1, 1_000_000)(text)}"
    seconds = _with_unit(text, _UNITS) // 1000
    if not 1 <= seconds < 1 << 31:
        raise ValueError(f'"{text}" is neither a count nor an age; write it like 100 or 30d')
    return f"age {seconds}"


def deadman(text: str) -> list[str]:
    """Return the URL, and ms as text."""
    words = text.split()
    known = len(words) == 3 and words[1] == "every" and words[0].startswith(("http://", "https://"))
    if not known or len(words[0]) > 2000:
        raise ValueError("that is not known; write none, or a URL and a time, like https://hc-ping.com/UUID every 5m")
    return [words[0], str(_milliseconds(words[2], 1000))]


def report(text: str) -> list[str]:
    """Return the file, and ms as text."""
    words = split_words(text)
    if len(words) != 3 or words[1] != "every" or not words[0]:
        raise ValueError("that is not known; write none, or a file and a time, like /var/www/servers.html every 5m")
    return [words[0], str(_milliseconds(words[2], 1000))]


def or_none(parse: Parser, nothing: object, word: str = "none") -> Parser:
    """Return a parser for an optional key: `word` and an empty value give `nothing`."""

    def parse_optional(text: str) -> object:
        if text in ("", word):
            return nothing
        try:
            return parse(text)
        except ValueError as error:
            raise ValueError(f"{error}{neighbours.meant_nothing(text, word)}") from None

    return parse_optional


def inherited(parse: Parser) -> Parser:
    """Return a parser for a key that, if not set, leaves what the server inherits."""
    return or_none(parse, "", "inherited")
