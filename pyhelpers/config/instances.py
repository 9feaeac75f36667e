"""Many of one: which instances does a server have, and what do {instance} and {port} stand for in its values?

    instances = 1-4            web@1 web@2 web@3 web@4
    instances = 8001-8004      web@8001 ...; a number from 1024 on is the port of its instance
    instances = blue green 9   web@blue web@green web@9

config/confdir.py gives each instance its settings.
"""

from __future__ import annotations

from base.tokens import split_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.grammar import Setting
    from config.keys import Values

MOST = 1000  # of one server
LONGEST = 32  # letters of one that is no number
LARGEST = 65535
FIRST_PORT = 1024  # smaller numbers count instances: no one calls four of them 80, 81, 82, 83
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")
RULE = f"write numbers from 1 to {LARGEST}, as 1-4, or names of letters, digits, _ and ."
PORT, INSTANCE = "{port}", "{instance}"


def instances(text: str) -> list[str]:
    """Parse the value of `instances`: ranges and single ones, each once.  Raises ValueError."""
    found: dict[str, None] = {}
    for word in split_list(text):
        for each in _of_word(word):
            if each in found:
                raise ValueError(f"{each} stands there twice; keep one of the two")
            if len(found) == MOST:
                raise ValueError(f"more than {MOST}; write fewer")
            found[each] = None
    return list(found)


def _of_word(word: str) -> list[str]:
    first, dash, last = word.partition("-")
    if not dash:
        return [_one(word)]
    if not (_is_number(first) and _is_number(last)):
        raise ValueError(f'"{word}" is no range of numbers; {RULE}')
    lowest, highest = int(_one(first)), int(_one(last))
    if lowest > highest:
        raise ValueError(f'"{word}" goes down; write {last}-{first}')
    return [str(number) for number in range(lowest, min(highest, lowest + MOST) + 1)]


def _one(word: str) -> str:
    is_good = 0 < len(word) <= LONGEST and _LETTERS.issuperset(word) and word[0].isalnum()
    if is_good and _is_number(word):
        is_good = word[0] != "0" and len(word) < 6 and int(word) <= LARGEST
    if not is_good:
        raise ValueError(f'"{word}" cannot be an instance; {RULE}')
    return word


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()


def is_port(instance: str, port: str) -> bool:
    """Is this instance of a server with `instances` its own port?  port: the text of the key, "" if it is not set.

    Conf has the last word: `port = 80{instance}`, or `port = none`.
    """
    return _is_number(instance) and int(instance) >= FIRST_PORT and INSTANCE not in port and port != "none"


def is_marked(text: str) -> bool:
    """Does the value differ from one instance to the next?"""
    return PORT in text or INSTANCE in text


def filled(setting: Setting, port: str, instance: str) -> Setting:
    """The setting of one instance."""
    text, path, line = setting
    return text.replace(PORT, port).replace(INSTANCE, instance), path, line


def lacking(text: str, base: str, port: str, instance: str) -> str:
    """Why this value cannot be filled in for a server of this NAME, and what to do; "" if it can."""
    if PORT in text and not port:
        return f"uses {PORT}, but {base} has no port; set port here, or watch {base}@PORT"
    if INSTANCE in text and not instance:
        return f"uses {INSTANCE}, but {base} is one server; set instances here, as in instances = 1-4"
    return ""


def one_pidfile(text: str, sources: list[list[str]], is_apart: bool) -> bool:
    """Do all instances share a pidfile?  text: of pid_from; is_apart: each has a directory of its own."""
    files = [source[1] for source in sources if source[0] == "pidfile"]
    return not is_marked(text) and any(not is_apart or path.startswith("/") for path in files)


def shared_port(servers: list[Values]) -> str:
    """Why these instances of one server cannot all run; "" if they can.  Sockets of the monitor may share a port."""
    ports = {server["port"] for server in servers if server["port"] and not server["sockets"]}
    count = len([server for server in servers if server["port"] in ports])
    if len(ports) == 1 and count > 1:
        return f"{count} instances cannot all listen on {ports.pop()}; write it with {INSTANCE}, as in 80{INSTANCE}"
    return ""
