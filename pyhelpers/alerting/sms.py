"""How does a message fit into one SMS?  160 letters of GSM 03.38, or 70 of UCS-2 if it holds any other letter.

A message begins with `HOST: SERVER ` and has its most important words first. We cut it at its end, between words, and
append `...`. Host, server and cause always stay: if a long path would push the cause out, the cause moves forward; if
the names are still too long, we shorten them in the middle. The result is one line, without control characters.
Of a message that says why a server could not be started, that reason stays, and what stands before it gives way.

    $ cd pyhelpers; python3 -m alerting.sms web1 msg_server 'signal SEGV' 'web1: msg_server died (signal SEGV, up 3h)'
    web1: msg_server died (signal SEGV, up 3h)
    42 of 160

Exit status: 0, 2 usage.
Source: 3GPP TS 23.038 6.2.1 (the alphabet), TS 23.040 (140 bytes: 160 letters of 7 bits, 70 of 16).
"""

from __future__ import annotations

import sys

from base.exits import GOOD, USAGE

GSM_LETTERS, UCS2_LETTERS = 160, 70
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€")  # sent after an escape: each counts as two
_ALIKE = str.maketrans("`´‘’“”", "'" * 4 + '"' * 2)  # quotation marks of the C library and others
_CUT = "..."
_WHOLE = 1000  # letters; no name is longer
_MARKS = (": ", " (", " after ")  # behind what happened: `is DOWN, GAVE UP after 5 failures in 60s (last: ...`
_LONGEST_WORD = 20  # letters; we may cut inside a longer word, such as a path


def size(text: str) -> tuple[int, int]:
    """How many letters text takes, and how many an SMS has: septets of 160, or UTF-16 units of 70."""
    if _GSM.issuperset(text):
        return len(text), GSM_LETTERS
    if (_GSM | _GSM_TWICE).issuperset(text):
        return sum(2 if letter in _GSM_TWICE else 1 for letter in text), GSM_LETTERS
    return sum(2 if letter > "\uffff" else 1 for letter in text), UCS2_LETTERS


def is_short(text: str) -> bool:
    """Does text fit into one SMS?"""
    taken, room = size(text)
    return taken <= room


def plain(text: str) -> str:
    """Text as one line: blanks replace control characters, ? bytes that are not UTF-8.

    If quotation marks alone are beyond GSM's letters, ' replaces them: an SMS then has room for twice as much.
    """
    line = " ".join("".join(map(_plain, text)).split())
    alike = line.translate(_ALIKE)
    return alike if all(letter in _GSM or letter in _GSM_TWICE for letter in alike) else line


def _plain(letter: str) -> str:
    return " " if _is_control(letter) else "?" if "\ud800" <= letter <= "\udfff" else letter


def _is_control(letter: str) -> bool:
    # also line separators, and marks that change the direction of writing
    return letter < " " or "\x7f" <= letter <= "\x9f" or letter in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\ufeff"


def one_sms(text: str, host: str = "", server: str = "", cause: str = "", why: str = "") -> str:
    """Text cut to one SMS.  If it begins with `HOST: SERVER `, the result still holds host, server and cause.

    why: the reason in the text that must not be cut off, as far as there is room.
    """
    text, host, server, cause, why = map(plain, (text, host, server, cause, why))
    if is_short(text):
        return text
    # What is cut may lose each letter outside GSM 03.38 but the quotation marks.
    text, host, server, cause, why = (each.translate(_ALIKE) for each in (text, host, server, cause, why))
    head = f"{host}: {server} "
    if not text.startswith(head):
        return cut(text)
    rest = text[len(head) :]
    if why:
        return _brief(host, server, cause, rest, why)
    short = cut(head + rest)
    if short.startswith(head) and cause in short:
        return short
    for longest in (48, 24, 16):
        head = f"{squeezed(host, longest // 2)}: {squeezed(server, longest)} "
        told = squeezed(cause, longest)
        short = cut(head + rest)
        if told and told not in short:
            short = cut(f"{head}({told}) {rest}")
        if short.startswith(head) and told in short:
            break
    return short


def _brief(host: str, server: str, cause: str, rest: str, why: str) -> str:
    """What happened and why, without the words between; then with shorter paths, and then with shorter names."""
    happened = min((rest.partition(mark)[0] for mark in _MARKS), key=len)
    brief, text = _without_directories(why), ""
    for longest, told in ((_WHOLE, why), (_WHOLE, brief), (48, brief), (24, brief), (16, brief)):
        shown = f" ({squeezed(cause, longest)})" if cause else ""
        head = f"{squeezed(host, longest // 2)}: {squeezed(server, longest)} {squeezed(happened, longest)}"
        text = f"{head}{shown}: {told}"
        if is_short(text):
            break
    return cut(text)


def _without_directories(text: str) -> str:
    """Each path of several directories becomes `.../NAME`."""
    return " ".join(map(_last_name, text.split(" ")))


def _last_name(word: str) -> str:
    path = word.lstrip("\"'([")
    name = path.rpartition("/")[2]
    is_long = word.count("/") > 1 and "://" not in word and any(letter.isalnum() for letter in name)
    return f"{word[: len(word) - len(path)]}.../{name}" if is_long else word


def cut(text: str, behind: str = "") -> str:
    """As much of text as fits into one SMS together with `behind`; `...` between them if text was cut."""
    if is_short(text + behind):
        return text + behind
    # If the first letter outside GSM 03.38 comes late, cutting before it keeps more text than UCS-2 for everything.
    foreign = next((at for at, letter in enumerate(text) if letter not in _GSM and letter not in _GSM_TWICE), len(text))
    return max(_cut(text, len(text), behind), _cut(text, foreign, behind), key=len)


def _cut(text: str, most: int, behind: str) -> str:
    """At most the first `most` letters of text, as many as fit, then `...` and behind."""
    most = min(most, GSM_LETTERS)
    while most and not is_short(text[:most].rstrip() + _CUT + behind):
        most -= 1
    kept = text[:most]
    if text[most : most + 1].strip() and not kept.endswith(" "):
        word = kept.rpartition(" ")[2]
        kept = kept[: -len(word)] if 0 < len(word) <= _LONGEST_WORD and len(word) < len(kept) else kept
    return kept.rstrip(" ,;:(\u200d\ufe0f") + _CUT + behind


def squeezed(text: str, most: int) -> str:
    """A name shortened to `most` letters: `..` replaces its middle."""
    if len(text) <= most:
        return text
    front = (most - 2 + 1) // 2
    return f"{text[:front]}..{text[len(text) - (most - 2 - front) :]}"


def listed(names: list[str], before: str, behind: str) -> str:
    """`before NAME, NAME, ...behind` with as many names as fit into one SMS, at least one."""
    shown = squeezed(names[0], 40) if names else ""
    for number, name in enumerate(names[1:], 1):
        more = f"{shown}, {name}"
        rest = ", ..." if number + 1 < len(names) else ""
        if not is_short(f"{before}{more}{rest}{behind}"):
            return f"{before}{shown}, ...{behind}"
        shown = more
    return f"{before}{shown}{behind}"


def main(words: list[str]) -> int:
    """Print TEXT cut to one SMS, and its size."""
    if len(words) not in (4, 5):
        print("usage: python3 -m alerting.sms HOST SERVER CAUSE TEXT [WHY]", file=sys.stderr)
        return USAGE
    host, server, cause, text, *why = words
    text = one_sms(text, host, server, cause, *why)
    sys.stdout.buffer.write(f"{text}\n{size(text)[0]} of {size(text)[1]}\n".encode("utf-8", "replace"))
    return GOOD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
