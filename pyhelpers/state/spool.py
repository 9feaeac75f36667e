"""Queue an alert on disk: one JSON file for each message and hook, complete or not there at all.

    ALERTS_DIR/new/ID.json       waits for delivery
    ALERTS_DIR/sent/ID.json      a hook sent it
    ALERTS_DIR/failed/ID.json    a hook refused it; ID.json.torn: not a message of ours

ID is INCIDENT.EVENT.HOOK, so an event is alerted once, even if it is queued again.

    $ cd pyhelpers; python3 -m state.spool state/alerts incident=msg_server-812 event=death hook=sms \\
        server=msg_server message='web1: msg_server died (signal SEGV), restarted' pid=812
    queued msg_server-812.death.sms

Exit status: 0 queued, 1 queued earlier, or not written; 2 usage.
"""

from __future__ import annotations

import os
import sys
import time

from base import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDERS = ("new", "sent", "failed")
NEEDED = ("incident", "hook", "event", "server", "message")
MORE = (
    *("pid", "cause", "action", "count", "host", "hooks", "instead", "dir", "kept_in"),
    *("output", "reason", "core", "backtrace"),
)

_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in range(32)}
_JSON_ESCAPES.update({ord('"'): '\\"', ord("\\"): "\\\\"})


def queue(alerts_dir: str, fields: Mapping[str, str]) -> bool:
    """Write one alert into new/, for delivery at once.

    fields, as text: all of NEEDED, and those of MORE that are known (host: by default this machine's name; hooks: all
    hooks of the server, in order; dir, kept_in: of a server that is not the first of its name; instead: the hooks that
    failed, if this alert is for a hook that stands in; output: what the server printed last; reason: why it could not
    be started, for a message that is too long; core, backtrace: where the core of its crash is, and the frames in it).
    Returns False if an alert with this ID is already in a folder.  Raises OSError if nothing was queued, and ValueError
    if the ID cannot be a file name.

    There is no fsync here: the loop that restarts servers calls this, and must not wait for a disk.
    """
    name = ".".join(fields[key] for key in ("incident", "event", "hook")) + ".json"
    if name.startswith(".") or "/" in name or "\0" in name:
        raise ValueError(f"not a file name: {name!r}")
    # We look in the order in which a message moves, so we find a message that is moving now.
    if any(os.path.lexists(f"{alerts_dir}/{folder}/{name}") for folder in FOLDERS):
        return False
    text = _json(name[: -len(".json")], fields)
    try:
        replace(f"{alerts_dir}/new", name, text)
    except FileNotFoundError:
        make(alerts_dir)
        replace(f"{alerts_dir}/new", name, text)
    return True


def make(alerts_dir: str) -> None:
    """Make alerts_dir and its folders, mode 0700, unless they exist.  Raises OSError."""
    for folder in ("", *FOLDERS):
        try:
            os.mkdir(f"{alerts_dir}/{folder}", 0o700)
        except FileExistsError:
            pass


def replace(folder: str, name: str, text: str) -> None:
    """Write text as folder/name, completely or not at all.  Raises OSError.

    `?` replaces what UTF-8 cannot encode.  A name that begins with a dot is no message; the delivery puts it aside.
    """
    files.replace(f"{folder}/{name}", text.encode("utf-8", "replace"), fresh=f"{folder}/.{name}.tmp")


def quoted(text: str) -> str:
    """text as a JSON string (RFC 8259). Encode it with errors="replace": it may hold what UTF-8 cannot encode."""
    return '"' + text.translate(_JSON_ESCAPES) + '"'


def _json(identity: str, fields: Mapping[str, str]) -> str:
    now = f"{time.time():.6f}"
    texts = {"id": identity, **dict.fromkeys(NEEDED + MORE, ""), "host": os.uname().nodename, **fields}
    parts = [f"{quoted(key)}: {quoted(value)}" for key, value in texts.items()]
    parts += [f'"created": {now}', '"tries": 0', f'"next": {now}', '"last_output": ""']
    return "{" + ", ".join(parts) + "}\n"


def main(words: list[str]) -> int:
    """Queue the alert that the KEY=VALUE words describe."""
    fields = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    unknown = set(fields).difference(NEEDED + MORE)
    if len(fields) != len(words) - 1 or unknown or any(key not in fields for key in NEEDED):
        print(
            "usage: python3 -m state.spool ALERTS_DIR incident=I event=E hook=H server=S message=M [KEY=VALUE...]",
            file=sys.stderr,
        )
        return 2
    identity = ".".join(fields[key] for key in ("incident", "event", "hook"))
    try:
        fresh = queue(words[0], fields)
    except (OSError, ValueError) as error:
        print(f"{identity}: not queued: {error}", file=sys.stderr)
        return 1
    print("queued" if fresh else "known", identity)
    return 0 if fresh else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
