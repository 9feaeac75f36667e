"""What may the value of `check` say?  Its parser, and what each kind of check needs.

    tcp                         needs the key port
    http URL [CODE]             needs curl if the URL is https, or its host is a name
    command PROGRAM [ARG...]    a PROGRAM without "/" is searched in checks/ (config/shipped.py), then in PATH

config/keys.py and config/confdir.py import it.
"""

from __future__ import annotations

import os

from base import programs, url
from base.tokens import split_words
from config import neighbours, shipped, trust
from config.values import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.keys import Values

KINDS = ("tcp", "http", "command")
SHIPPED = "teamtalk"
SHIPPED_MS = 8000  # route_server, login_server and db_proxy_server do not echo: they beat by themselves, every 5 s


def check(text: str) -> list[str]:
    """Return the kind and its words: http always has a URL and a code; the code "" accepts any good status."""
    kind, _, rest = text.partition(" ")
    words = split_words(rest)
    if kind == "tcp" and not words:
        return [kind]
    if kind == "http" and 1 <= len(words) <= 2:
        url.parse(words[0])
        return [kind, words[0], str(whole(100, 599)(words[1])) if len(words) > 1 else ""]
    if kind == "command" and words and words[0]:
        return [kind, *words]
    hint = neighbours.meant(kind, KINDS, neighbours.CHECK)
    hint = f"; did you mean http {text}?" if kind.startswith(("http://", "https://")) else hint
    raise ValueError(f'"{text}" is no check; write tcp, http URL [CODE], or command PROGRAM [ARG...]{hint}')


def settled(words: list[str], place: str, conf_dir: str, root: str) -> list[str]:
    """Return the words; a command gets its path in checks/, or relative to place, the server's dir.

    root: the suite's own directory.
    """
    if words[:1] != ["command"]:
        return words
    program = words[1]
    if "/" in program:
        program = os.path.normpath(os.path.join(place, program))
    else:
        program = shipped.place_of(conf_dir, shipped.CHECKS, program, root) or program
    return ["command", program, *words[2:]]


def objection(values: Values, conf_dir: str, root: str) -> str:
    """Why the check of a settled server cannot run, and what to do; "" if it can."""
    words = values["check"]
    if words == ["tcp"] and not values["port"]:
        return "tcp needs a port; set port too"
    if words[:1] == ["http"] and url.parse(words[1]).needs_curl():
        return _curl_objection()
    if words[:1] == ["command"] and shipped.is_of(conf_dir, shipped.CHECKS, words[1], root):
        return _shipped_objection(values) or _file_objection(words[1])
    return ""


def _curl_objection() -> str:
    try:
        programs.resolve("curl", "/", os.environ.get("PATH", os.defpath))
    except programs.LaunchError:
        return "https, and a host that is a name, need curl, which is not installed; run: apt-get install curl"
    return ""


def _shipped_objection(values: Values) -> str:
    if os.path.basename(values["check"][1]) != SHIPPED or values["check_timeout"] >= SHIPPED_MS:
        return ""
    return f"{SHIPPED} may wait 6s for a server that does not echo; set check_timeout = {SHIPPED_MS // 1000}s or more"


def _file_objection(path: str) -> str:
    try:
        words, remedy = trust.judge(path)
    except OSError as error:
        return f"{path}: {error.strerror}"
    if not words and not os.access(path, os.X_OK):
        words, remedy = "is not executable", f"chmod +x {path}"
    return f"{path} {words}; run: {remedy}" if words else ""
