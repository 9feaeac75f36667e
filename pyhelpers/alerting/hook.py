"""Call a hook: may we call it, what does it get, and what did it answer?

The hook is CONF_DIR/hooks/NAME, else the one that ships with the suite. We call it as `NAME EVENT SERVER MESSAGE`, with
the message also on stdin, in / and in its own session. After SECONDS the hook, and everything that it left running in
its session, gets TERM and, 2 s later, KILL (loop/run_limited.py).

Its environment: MONITOR_EVENT _SERVER _HOST _PID _CAUSE _ACTION _COUNT _INCIDENT _TIME, MONITOR_TEXT (the message
before we cut it to one SMS), MONITOR_LAST_OUTPUT (what the hook printed when it last asked for another try), each KEY
of CONF_DIR/hooks/NAME.conf as HOOK_KEY, and from our own environment only the names in INHERITED. We never use a
NAME.conf of the suite's own conf/ instead of that of CONF_DIR: its phones are for the alerts of another monitor.
The keys of OWN in that conf are for the suite: which alerts this hook gets, and how many.

    $ cd pyhelpers; python3 -m alerting.hook conf sms death msg_server 'web1: msg_server died (exit 1)'
    SMS Alert: Server msg_server is not running
    web1: msg_server died (signal SEGV), restarted
    sms: sent (3 ms)

Exit status: 0 sent, 75 the hook asks for another try or took too long, 1 refused, 2 usage, 6 the hook cannot be called.
"""

from __future__ import annotations

import difflib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from alerting import sms
from base import last_words
from base.exits import CANNOT_EXECUTE, FAILED, GOOD, NOT_CONFIGURED, TRY_AGAIN, USAGE
from base.programs import LaunchError
from config import grammar, keys, neighbours, quiet_hours, shipped, trust, values
from config.launch_settings import Launch
from loop.host import Reaper
from loop.run_limited import Bounds, Run
from loop.subreaper import Subreaper
from spawn import launch
from state import record

SECONDS = 30.0  # that a hook may run
WAITS_EVERY_MS = 1000
BOUNDS = Bounds(kept=1 << 13, steps=["TERM", "2000", "KILL"])
SENT, LATER = str(GOOD), str(TRY_AGAIN)  # statuses of an Outcome; others are numbers and names of signals
TIMEOUT, UNFIT = "timeout", "unfit"
_FOR_ALL = ("digest_window", "recovery_quiet", "hook_dead_after")
_ALIKE = 0.8  # similarity of two keys if one letter is missing, or two are exchanged
_TOLD = ("event", "server", "dir", "host", "pid", "cause", "action", "count", "incident", "output", "core", "backtrace")
INHERITED = frozenset(
    "HOME LANG LANGUAGE LOGNAME PATH SHELL TMPDIR TZ USER http_proxy https_proxy no_proxy all_proxy "
    "HTTPS_PROXY NO_PROXY ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE".split()
)
OWN: dict[str, values.Parser] = {
    "events": values.or_none(values.several(values.one_of(*quiet_hours.EVENTS, foreign=neighbours.EVENTS)), []),
    **{key: keys.SUITE[key][1] for key in ("digest_after", "hourly_budget", "quiet")},
}


class Unfit(Exception):
    """We cannot call the hook: the text says why, and what to do."""


def require_fit(conf_dir: str, name: str) -> dict[str, str]:
    """Check that we may call the hook; return the settings of its conf that are for the hook. Raises Unfit."""
    if not values.is_name(name):
        raise Unfit(f'"{name}" cannot name a hook')
    path = _path(conf_dir, name)
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
    settings = _settings(f"{conf_dir}/hooks/{name}.conf")
    _own(settings)
    return {key: text for key, (text, _, _) in settings.items() if key not in OWN}


def _path(conf_dir: str, name: str) -> str:
    return shipped.place_of(conf_dir, shipped.HOOKS, name) or f"{conf_dir}/hooks/{name}"


def unfit(conf_dir: str, names: Iterable[str]) -> list[str]:
    """One line for each hook that we cannot call: what is wrong, and what to do."""
    faults = []
    for name in names:
        try:
            require_fit(conf_dir, name)
        except Unfit as fault:
            faults.append(f"hook {name}: {fault}")
    return faults


def own(conf_dir: str, name: str) -> dict[str, Any]:
    """Return the values of OWN in the hook's conf; {} if that conf cannot be used."""
    try:
        return _own(_settings(f"{conf_dir}/hooks/{name}.conf"))
    except Unfit:
        return {}  # the call reports it, and the messages wait


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
    if mode & 0o077:  # this file holds secrets
        raise Unfit(f"{path}: may be read by others (mode {stat.S_IMODE(mode):o}); run: chmod 600 {path}")
    for key, (_, _, line) in found.items():
        if words := _objection(key):
            raise Unfit(f"{path}:{line}: {words}")
    return found


def _objection(key: str) -> str:
    """What is wrong with a key; "" for a key that we or the hook may know.

    Only the hook knows its own keys. But a mistyped `event = give_up` must not make a phone ring for all other events.
    """
    if not (key.isascii() and key.isidentifier()):
        return f'"{key}" cannot be a key; write letters, digits and _'
    if key in OWN:
        return ""
    if key in _FOR_ALL:
        return f"{key} holds for all hooks; set it in monitor.conf"
    meant = difflib.get_close_matches(key.lower(), OWN, 1, _ALIKE)
    return f'"{key}" is no key of ours; did you mean {meant[0]}?' if meant else ""


class Outcome(NamedTuple):
    """The outcome of a call.  status: an exit status, the name of a signal without SIG, TIMEOUT or UNFIT.

    ms: how long the call took.  output: what the hook printed; for UNFIT, why we cannot call it.
    """

    status: str
    ms: int
    output: str


class Call:
    """One call of a hook for an alert (the fields of state/spool.py). Nothing here blocks, not even on the hook's file.

    seconds: how long the hook may run.  told: called once, with the outcome.  gone: called later, when no process is
    left in the hook's session.
    """

    def __init__(
        self,
        host: Reaper,
        conf_dir: str,
        name: str,
        alert: Mapping[str, object],
        seconds: float,
        told: Callable[[Outcome], None],
        gone: Callable[[], None],
    ) -> None:
        self._told, self._gone = told, gone
        self._began = time.monotonic()
        self._path = os.path.abspath(_path(conf_dir, name)) if values.is_name(name) else ""
        try:
            run = self._run(host, self._launch(alert), lambda what: _prepare(what, conf_dir, name, alert))
            self._timer = host.loop.after(seconds * 1000, run.end)
        except Exception as error:  # for any reason, such as too many processes: the message waits, and we report why
            why = grammar.reason(error) if isinstance(error, OSError) else repr(error)
            host.loop.after(0, lambda: self._begin_failed(why))

    def _run(self, host: Reaper, what: Launch, prepare: Callable[[Launch], None]) -> Run:
        try:
            return Run(host, what, BOUNDS, self._ended, self._run_gone, lambda: prepare(what))
        finally:
            os.close(what.input_fd)

    def _launch(self, alert: Mapping[str, object]) -> Launch:
        host, server, cause = (str(alert.get(key, "")) for key in ("host", "server", "cause"))
        why = str(alert.get("reason", ""))
        text = str(alert["message"]) if why else _with_reason(str(alert["message"]), str(alert.get("output", "")))
        message = sms.one_sms(text, host, server, cause, why)
        words = [self._path, str(alert["event"]), str(alert["server"]), message]
        found = Launch([_exact(word) for word in words])
        found.umask = _umask()
        found.input_fd = _memory_file(os.fsencode(_exact(message)) + b"\n")
        return found

    def _begin_failed(self, why: str) -> None:
        self._told(Outcome(UNFIT, 0, f"{self._path} cannot be run: {why}"))
        self._gone()

    def _run_gone(self) -> None:
        self._timer.cancel()
        self._gone()

    def _ended(self, how: str, output: str, refused: LaunchError | None) -> None:
        ms = int((time.monotonic() - self._began) * 1000)
        if not refused:
            self._told(Outcome(_status(how), ms, output))
        elif refused.status == NOT_CONFIGURED:
            self._told(Outcome(UNFIT, ms, refused.reason))
        else:
            why = refused.reason.removeprefix(f"{self._path}: ")
            self._told(Outcome(UNFIT, ms, f"{self._path} cannot be run: {why}"))


def call_alone(
    conf_dir: str,
    name: str,
    alert: Mapping[str, object],
    told: Callable[[Outcome], None],
    seconds: float = SECONDS,
    waits: Callable[[], None] = lambda: None,
) -> None:
    """Call a hook in a separate loop. Blocks until no process is left in its session; calls waits once a second."""
    host = Subreaper()

    def gone() -> None:
        host.loop.ended = True

    def wait() -> None:
        host.loop.after(WAITS_EVERY_MS, wait)
        waits()

    host.loop.after(WAITS_EVERY_MS, wait)
    Call(host, conf_dir, name, alert, seconds, told, gone)
    host.run()


def _prepare(what: Launch, conf_dir: str, name: str, alert: Mapping[str, object]) -> None:
    """Complete the launch, in the child: the hook's file may be on a file system that hangs. Raises LaunchError."""
    launch.close_inherited()
    try:
        own = _environment(require_fit(conf_dir, name), alert)
        what.environment = {**own, "INVOCATION_ID": what.environment["INVOCATION_ID"]}
    except Unfit as error:
        raise LaunchError(NOT_CONFIGURED, str(error)) from None
    except Exception as error:  # for any reason: the message must wait, and the parent reports why
        raise LaunchError(CANNOT_EXECUTE, repr(error)) from None


def _with_reason(message: str, output: str) -> str:
    """The message, and why the server ended by its own words, if both fit into one SMS."""
    why = last_words.reason(output)
    more = f"{message}; last output: {sms.plain(why)}"
    return more if why and why not in message and sms.is_short(sms.plain(more)) else message


def _status(how: str) -> str:
    """The status of an Outcome, from how the run ended; how is "" after a timeout."""
    kind, _, rest = how.partition(" ")
    if kind == "signal":
        return f"signal-{rest}" if rest.isdigit() else rest  # a real-time signal has no name
    return rest or kind or TIMEOUT


def _umask() -> int:
    """Our own umask, which the hook inherits."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _memory_file(content: bytes) -> int:
    """A descriptor to read content from: unlike a pipe, it never blocks the writer and needs no reader."""
    fd = os.memfd_create("stdin")
    while content:
        content = content[os.write(fd, content) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _environment(settings: Mapping[str, str], alert: Mapping[str, object]) -> dict[str, str]:
    found = {"PATH": os.defpath}
    found.update((key, value) for key, value in os.environ.items() if key in INHERITED or key.startswith("LC_"))
    found.update((f"HOOK_{key.upper()}", value) for key, value in settings.items())
    found.update((f"MONITOR_{key.upper()}", str(alert.get(key, ""))) for key in _TOLD)
    found["MONITOR_TIME"] = record.iso_time(float(str(alert.get("created", time.time()))))
    found["MONITOR_TEXT"] = str(alert["message"])
    found["MONITOR_LAST_OUTPUT"] = str(alert.get("last_output", ""))
    return {_exact(key): _exact(value) for key, value in found.items()}


def _exact(text: str) -> str:
    """Text that a program receives as UTF-8 in any locale: without NUL, and with undecodable bytes unchanged."""
    return os.fsdecode(text.replace("\0", "").encode("utf-8", "surrogateescape"))


def in_words(status: str, seconds: float = SECONDS) -> str:
    """An outcome's status as a phrase."""
    if status == SENT:
        return "sent"
    if status == LATER:
        return "not now (it exited with 75); try again"
    if status == TIMEOUT:
        return f"no answer within {seconds:g} s"
    return f"refused (exit {status})" if status.isdigit() else f"refused (signal {status})"


def printable(text: str) -> str:
    """Text without terminal control characters, ending with a newline unless it is empty."""
    shown = "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)
    return shown if not shown or shown.endswith("\n") else shown + "\n"


def main(words: list[str]) -> int:
    """Call HOOK once and print its outcome."""
    if len(words) != 5:
        print("usage: python3 -m alerting.hook CONF_DIR HOOK EVENT SERVER MESSAGE", file=sys.stderr)
        return USAGE
    conf_dir, name, event, server, message = words
    status = FAILED

    def told(outcome: Outcome) -> None:
        nonlocal status
        status = {SENT: GOOD, LATER: TRY_AGAIN, TIMEOUT: TRY_AGAIN, UNFIT: NOT_CONFIGURED}.get(outcome.status, FAILED)
        sys.stderr.write(printable(f"{name}: {outcome.output}" if outcome.status == UNFIT else outcome.output))
        if outcome.status != UNFIT:
            print(f"{name}: {in_words(outcome.status)} ({outcome.ms} ms)", flush=True)

    alert = {"event": event, "server": server, "message": message, "host": os.uname().nodename}
    call_alone(conf_dir, name, alert, told)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
