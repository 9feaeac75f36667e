"""Call a hook: is it fit to be called, what is it told, and what did it answer?

CONF_DIR/hooks/NAME is called as `NAME EVENT SERVER MESSAGE`, the message on stdin too, in / and in a session of its
own (alerting/session.py bounds it). It sees MONITOR_EVENT _SERVER _HOST _PID _CAUSE _ACTION _COUNT _INCIDENT _TIME,
MONITOR_TEXT (the message before it was cut to one SMS), MONITOR_LAST_OUTPUT (what it printed when it last asked for
another try), what CONF_DIR/hooks/NAME.conf sets, as HOOK_KEY, and of our own environment only what INHERITED names.
Keys of OWN in that conf are for the suite: what this hook is told, and how much.

    $ cd pyhelpers; python3 -m alerting.hook conf sms death msg_server 'web1: msg_server died (exit 1)'
    SMS Alert: Server msg_server is not running
    web1: msg_server died (signal SEGV), restarted
    sms: sent (3 ms)

Exit status: 0 sent, 75 it asks for another try or took too long, 1 refused, 2 usage, 6 the hook is not fit.
"""

from __future__ import annotations

import difflib
import os
import stat
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from alerting import session, sms
from config import grammar, keys, quiet_hours, trust, values
from state import record

SECONDS = 30.0  # a hook may live
LATER = "75"  # EX_TEMPFAIL of sysexits.h
UNFIT = "unfit"
_FOR_ALL = ("digest_window", "recovery_quiet", "hook_dead_after")
_ALIKE = 0.8  # of two keys: one letter is missing, or two changed places
_TOLD = ("event", "server", "host", "pid", "cause", "action", "count", "incident")
INHERITED = frozenset(
    "HOME LANG LANGUAGE LOGNAME PATH SHELL TMPDIR TZ USER http_proxy https_proxy no_proxy all_proxy "
    "HTTPS_PROXY NO_PROXY ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE".split()
)
OWN: dict[str, values.Parser] = {
    "events": values.or_none(values.several(values.one_of(*quiet_hours.EVENTS)), []),
    **{key: keys.SUITE[key][1] for key in ("digest_after", "hourly_budget", "quiet")},
}


class Unfit(Exception):
    """The hook cannot be called: the text says why, and what to do."""


def require_fit(conf_dir: str, name: str) -> dict[str, str]:
    """Return what the hook's conf sets for it, by key; raises Unfit."""
    if not values.is_name(name):
        raise Unfit(f'"{name}" cannot name a hook')
    path = f"{conf_dir}/hooks/{name}"
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unfit(f"{path} is not a file; put an executable there")
        words, remedy = trust.judge(path)
    except FileNotFoundError:
        raise Unfit(f"{path} is missing; put it there, or take {name} out of the key alert") from None
    except OSError as error:
        raise Unfit(f"{path}: {grammar.reason(error)}") from None
    if words:
        raise Unfit(f"{path}: {words}; run: {remedy}")
    if not os.access(path, os.X_OK):
        raise Unfit(f"{path} is not executable; run: chmod +x {path}")
    settings = _settings(f"{path}.conf")
    _own(settings)
    return {key: text for key, (text, _, _) in settings.items() if key not in OWN}


def unfit(conf_dir: str, names: Iterable[str]) -> list[str]:
    """What is wrong with each hook that is not fit to be called."""
    faults = []
    for name in names:
        try:
            require_fit(conf_dir, name)
        except Unfit as fault:
            faults.append(f"hook {name}: {fault}")
    return faults


def own(conf_dir: str, name: str) -> dict[str, Any]:
    """Return what the hook's conf says of what it is told, keys of OWN; {} where that conf cannot be used."""
    try:
        return _own(_settings(f"{conf_dir}/hooks/{name}.conf"))
    except Unfit:
        return {}  # that is said, and its messages wait, when it is called


def _own(settings: Mapping[str, grammar.Setting]) -> dict[str, Any]:
    found = {}
    for key in OWN:
        if key in settings:
            text, path, line = settings[key]
            try:
                found[key] = OWN[key](text)
            except ValueError as error:
                raise Unfit(grammar.show((path, line, f"{key}: {error}"))) from None
    return found


def _settings(path: str) -> dict[str, grammar.Setting]:
    try:
        mode = os.stat(path).st_mode
        found, faults = grammar.read(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Unfit(f"{path}: {grammar.reason(error)}") from None
    if faults:
        raise Unfit(grammar.show(faults[0]))
    if mode & 0o077:  # it is where the secrets stand
        raise Unfit(f"{path}: may be read by others (mode {stat.S_IMODE(mode):o}); run: chmod 600 {path}")
    for key, (_, _, line) in found.items():
        if words := _objection(key):
            raise Unfit(f"{path}:{line}: {words}")
    return found


def _objection(key: str) -> str:
    """What is wrong with a key; "" for one that we or the hook may know.

    Which ones the hook knows, only it can say; but `event = give_up` must not have a phone ring for all else.
    """
    if not (key.isascii() and key.isidentifier()):
        return f'"{key}" cannot be a key; write letters, digits and _'
    if key in OWN:
        return ""
    if key in _FOR_ALL:
        return f"{key} holds for all hooks; set it in monitor.conf"
    meant = difflib.get_close_matches(key.lower(), OWN, 1, _ALIKE)
    return f'"{key}" is no key of ours; did you mean {meant[0]}?' if meant else ""


def call(conf_dir: str, name: str, alert: Mapping[str, object], seconds: float = SECONDS) -> session.Call:
    """Start the hook for an alert (the fields of state/spool.py); see session.Call for the rest. Raises Unfit."""
    settings = require_fit(conf_dir, name)
    host, server, cause = (str(alert.get(key, "")) for key in ("host", "server", "cause"))
    message = sms.one_sms(str(alert["message"]), host, server, cause)
    words = [os.path.abspath(f"{conf_dir}/hooks/{name}"), str(alert["event"]), str(alert["server"]), message]
    try:
        return session.Call(
            [_raw(word) for word in words], _environment(settings, alert), _raw(message) + b"\n", seconds
        )
    except OSError as error:
        raise Unfit(f"{conf_dir}/hooks/{name} cannot be run: {grammar.reason(error)}") from None


def _environment(settings: Mapping[str, str], alert: Mapping[str, object]) -> dict[bytes, bytes]:
    found = {"PATH": os.defpath}
    found.update((key, value) for key, value in os.environ.items() if key in INHERITED or key.startswith("LC_"))
    found.update((f"HOOK_{key.upper()}", value) for key, value in settings.items())
    found.update((f"MONITOR_{key.upper()}", str(alert.get(key, ""))) for key in _TOLD)
    found["MONITOR_TIME"] = record.iso_time(float(str(alert.get("created", time.time()))))
    found["MONITOR_TEXT"] = str(alert["message"])
    found["MONITOR_LAST_OUTPUT"] = str(alert.get("last_output", ""))
    return {_raw(key): _raw(value) for key, value in found.items()}


def _raw(text: str) -> bytes:
    """Text as the bytes of an argument: no NUL, and whatever came in as bytes goes out as the same."""
    return text.replace("\0", "").encode("utf-8", "surrogateescape")


def in_words(status: str, seconds: float = SECONDS) -> str:
    """An outcome's status as a phrase."""
    if status == "0":
        return "sent"
    if status == LATER:
        return "not now (it exited with 75); try again"
    if status == session.TIMEOUT:
        return f"no answer within {seconds:g} s"
    return f"refused (exit {status})" if status.isdigit() else f"refused (signal {status})"


def printable(text: str) -> str:
    """Text without what could steer a terminal, ended with a newline."""
    shown = "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)
    return shown if not shown or shown.endswith("\n") else shown + "\n"


def main(words: list[str]) -> int:
    """Call HOOK once, say its outcome."""
    if len(words) != 5:
        print("usage: python3 -m alerting.hook CONF_DIR HOOK EVENT SERVER MESSAGE", file=sys.stderr)
        return 2
    conf_dir, name, event, server, message = words
    alert = {"event": event, "server": server, "message": message, "host": os.uname().nodename}
    try:
        with call(conf_dir, name, alert) as running:
            outcome = running.wait()
    except Unfit as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 6
    sys.stderr.write(printable(outcome.output))
    print(f"{name}: {in_words(outcome.status)} ({outcome.ms} ms)")
    return {"0": 0, LATER: 75, session.TIMEOUT: 75}.get(outcome.status, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
