"""What a program printed last, made fit for people: text without control characters.  See base/reasons.py, too."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 4096  # bytes of output that an incident keeps
STAR = "***"
SHORTEST_SECRET = 4  # a shorter value would star half of the text
SECRET_NAMES = ("PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL")


def text_of(raw: bytes, is_cut: bool = False, secrets: Iterable[str] = ()) -> str:
    """The output as text: lines without blank ones, and no character that could harm a terminal.

    is_cut: raw begins inside the output, so its first line may be only the end of one.  secrets: values to be starred.
    """
    text = raw.decode("utf-8", "replace")
    if is_cut:
        text = text.partition("\n")[2] or text
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        text = text.replace(secret, STAR)
        if is_cut:
            text = _without_end_of(secret, text)
    lines = (plain(line.rpartition("\r")[2] if line[-1:] != "\r" else line[:-1]).rstrip() for line in text.split("\n"))
    return "\n".join(filter(None, lines))


def _without_end_of(secret: str, text: str) -> str:
    """Text that may begin inside the secret, without that rest of it."""
    lengths = range(min(len(secret) - 1, len(text)), SHORTEST_SECRET - 1, -1)
    rest = next((length for length in lengths if text.startswith(secret[-length:])), 0)
    return STAR + text[rest:] if rest else text


def plain(line: str) -> str:
    """Without colours and other control characters, among them marks that change the direction of writing."""
    first, *coloured = line.split("\x1b[")
    shown = first + "".join(map(_behind_sequence, coloured))
    return "".join(letter if letter.isprintable() else " " if letter == "\t" else "?" for letter in shown)


def _behind_sequence(text: str) -> str:
    """Text without the rest of a control sequence of ECMA-48: parameters, and a final letter."""
    at = 0
    while at < len(text) and " " <= text[at] <= "?":
        at += 1
    return text[at + 1 :]


def reason(text: str) -> str:
    """The line of it that says why; "" if there is none."""
    from base import reasons  # only when something has failed

    return reasons.reason(text)


def secrets_of(environment: Iterable[str]) -> list[str]:
    """The values of NAME=VALUE elements whose name says that they are secrets, and the passwords in URLs."""
    pairs = [element.partition("=")[::2] for element in environment]
    found = [value if _is_secret(name.upper()) else _password_in(value) for name, value in pairs]
    return [value for value in found if len(value) >= SHORTEST_SECRET]


def _password_in(url: str) -> str:
    """PASSWORD of a value like postgres://USER:PASSWORD@HOST/; "" if it has none."""
    authority = url.partition("://")[2].partition("/")[0]
    return authority.rpartition("@")[0].partition(":")[2]


def _is_secret(name: str) -> bool:
    return any(word in name for word in SECRET_NAMES)


def in_json(text: str) -> str:
    """The text as the inside of a JSON string in ASCII, one line: RFC 8259."""
    return "".join(map(_in_json, text))


def _in_json(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter == "\n":
        return "\\n"
    if " " <= letter <= "~":
        return letter
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
