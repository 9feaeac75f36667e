"""What may the keys around a life say?  The parsers of start_pre, start_post, stop_post, stop, reload, restart_every.

    start_pre = PROGRAM [ARG...]
    stop = [command PROGRAM [ARG...] 10s] TERM 5s KILL
    reload = HUP | command PROGRAM [ARG...]
    restart_every = 24h | daily 04:30

As in config/values.py, a ValueError says what is wrong and what to write.
"""

from __future__ import annotations

from base.tokens import nearest, split_list, split_words
from config import neighbours
from config.values import SIGNALS, duration, signal_name

FOR_A_SHELL = frozenset("&& || | ; & > >> < 2> 2>&1".split())
EXAMPLE = "like command /usr/sbin/nginx -s quit 10s TERM 5s KILL"
SHORTEST_MS = 1000  # of restart_every
_DIGITS = ((1, 2), (2, 2))  # of an hour and a minute


def command(text: str) -> list[str]:
    """Return program and arguments; refuse what only a shell understands, unless it is quoted."""
    words = split_words(text)
    if not words or not words[0]:
        raise ValueError("needs a program; write it with its arguments, like /usr/sbin/nginx -t")
    _refuse_shell(text, text)
    return words


def _refuse_shell(text: str, whole: str) -> None:
    """Raises ValueError if something in the text is for a shell.  whole: the command line that should be one word."""
    strange = [word for word in _bare(text).split() if word in FOR_A_SHELL or word.endswith(";")]
    if strange:
        sign = strange[0] if strange[0] in FOR_A_SHELL else ";"
        is_simple = "'" not in text
        remedy = (
            f"write sh -c '{whole}'" if is_simple else "put the whole line between one pair of quotes, behind sh -c"
        )
        raise ValueError(f'"{sign}" is for a shell, and none runs this; {remedy}')


def _bare(text: str) -> str:
    """The text, with ? for each part that is quoted."""
    bare, quote = "", ""
    letters = iter(text)
    for letter in letters:
        if letter == "\\" and quote != "'":
            next(letters, "")
            bare += "?"
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote, bare = letter, bare + "?"
        else:
            bare += letter
    return bare


def _is_command(words: list[str]) -> bool:
    return words[:1] == ["command"] and len(words) > 1 and words[1] != ""


def reload(text: str) -> list[str]:
    """Return one signal without SIG, or `command`, the program and its arguments."""
    words = command(text)
    if _is_command(words):
        return words
    if words[0] == "command":
        raise ValueError("command needs a program; write it like command /usr/sbin/nginx -s reload")
    if len(words) == 1:
        return [signal_name(words[0])]
    if _is_signal(words[0]):
        raise ValueError(f'"{text}" is more than a signal; write {words[0]} alone')
    hint = nearest(words[0], ["command"]) or f"; write HUP, or command {text}"
    raise ValueError(f'"{text}" is neither a signal nor a command{hint}')


def stop(text: str) -> list[list[str]]:
    """Return two lists: the program that begins the stop, with its arguments and its time in ms, or []; then
    signals without SIG and waits in ms, in turn.
    """
    words = split_words(text)
    if words[:1] != ["command"]:
        _require_first(text, split_list(text))
        return [[], _steps(text, split_list(text))]
    begin = len(words)
    while begin > 3 and _is_wait(words[begin - 2]) and _is_signal(words[begin - 1]):
        begin -= 2
    if begin == len(words) or not _is_command(words):
        raise ValueError(f'"{text}" lacks what follows the command; write its time, then signals and waits, {EXAMPLE}')
    _refuse_shell(text, " ".join(words[1:begin]))
    return [[*words[1:begin], str(duration()(words[begin]))], _steps(text, words[begin + 1 :])]


def _require_first(text: str, words: list[str]) -> None:
    """Raises ValueError if a command stands in the wrong place, or without the word that begins it."""
    if "command" in words:
        raise ValueError(f'"{text}": the command comes first; write it {EXAMPLE}')
    first = words[0] if len(words) > 2 else "TERM"
    if _is_signal(first):  # no signal's name resembles a command, and asking for a resemblance takes 8 ms
        return
    hint = nearest(first, ["command"])
    if not hint and not neighbours.meant(first, SIGNALS, neighbours.SIGNALS):
        hint = f"; write a command {EXAMPLE}"
    if hint:
        raise ValueError(f'"{text}" begins with no signal{hint}')


def _steps(text: str, words: list[str]) -> list[str]:
    if len(words) % 2 == 0:
        raise ValueError(f'"{text}" does not end with a signal; write signals and waits in turn, like TERM 5s KILL')
    return [str(duration()(word)) if index % 2 else signal_name(word) for index, word in enumerate(words)]


def _is_wait(word: str) -> bool:
    try:
        duration()(word)
    except ValueError:
        return False
    return True


def _is_signal(word: str) -> bool:
    try:
        signal_name(word)
    except ValueError:
        return False
    return True


def restart_every(text: str) -> str:
    """Return ms as text, or `daily HH:MM`."""
    first, _, rest = text.partition(" ")
    if first == "daily":
        return f"daily {_time_of_day(rest.strip())}"
    if rest or not (_is_wait(first) or first[:1].isdigit() and first[-1:] in "smhd"):
        raise ValueError(f'"{text}" is not known; write a time like 24h, or daily 04:30')
    return str(duration(SHORTEST_MS)(first))


def _time_of_day(text: str) -> str:
    hour, colon, minute = text.partition(":")
    is_number = colon and (hour + minute).isdigit() and text.isascii()
    if not is_number or (len(hour), len(minute)) not in _DIGITS or int(hour) > 23 or int(minute) > 59:
        raise ValueError(f'"{text}" is no time of day; write it from 00:00 to 23:59, like daily 04:30')
    return f"{int(hour):02}:{minute}"
