"""Which alerts wait or have failed?  Lists, shows, drops and retries them.

    $ python3 -E -s pyhelpers/alerts.py ROOT CONF_DIR STATE_DIR CWD list
    msg_server-812-99.death.sms  waits, tries 3, next in 12 s: web1: msg_server died (signal SEGV, up 3h), restarted
    $ python3 -E -s pyhelpers/alerts.py ROOT CONF_DIR STATE_DIR CWD retry msg_server-812-99.death.sms
    msg_server-812-99.death.sms: sent

    list             print the waiting alerts, then the failed ones, the oldest first
    show ID          print one alert from any folder, with the output of its hook
    retry [ID...]    try them now and print the outcome; without an ID: all failed ones
    drop ID...       remove them

ID may be a glob.  retry delivers by itself and needs no monitor; it waits for a delivery that already runs.

Exit: 0 · 1 not sent, or no such message · 2 usage · 4 no permission · 6 conf is not in order.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from fnmatch import fnmatchcase

from alerting import alert_policy, hook, outbox
from alerting.sent_log import HOUR, Tally
from base.exits import FAILED, GOOD, NO_PERMISSION, USAGE, Refused
from base.suite import PROGRAMS
from config import quiet_hours
from operate.command_line import end
from operate.context import Place
from state import silences, spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from alerting.outbox import Alert

_SHOWN_AS = {"new": "waits", "sent": "sent", "failed": "failed"}


class Spool:
    """The messages of one state directory."""

    def __init__(self, place: Place) -> None:
        self.state_dir = place.state_dir
        self.directory = f"{place.state_dir}/alerts"
        self.conf_dir = place.conf_dir
        self._telling = alert_policy.from_conf(place.conf_dir)
        self._tally = Tally(self.directory)

    def of(self, *folders: str) -> list[tuple[str, Alert]]:
        """Folder and message of all readable alerts in these folders, the oldest first."""
        found = [(folder, alert) for folder in folders for alert in outbox.listed(self.directory, folder)]
        return sorted(found, key=lambda each: (folders.index(each[0]), each[1].order))

    def named(self, patterns: list[str], *folders: str) -> list[tuple[str, Alert]]:
        """Folder and message of the alerts that IDs or globs match.  Raises Refused if a pattern matches none."""
        everything = self.of(*folders)
        for pattern in patterns:
            if not any(fnmatchcase(alert.id, pattern) for _, alert in everything):
                raise Refused(FAILED, f"{pattern}: no such message; ./monitor.sh alerts lists them")
        return [each for each in everything if any(fnmatchcase(each[1].id, pattern) for pattern in patterns)]

    def where(self, identity: str) -> str:
        """The folder that the message is in now; "" if it is gone."""
        places = [folder for folder in spool.FOLDERS if os.path.lexists(f"{self.directory}/{folder}/{identity}.json")]
        return places[-1] if places else ""

    def until_when(self, alert: Alert, now: float) -> str:
        """When it may be sent, by conf and silences.  In a storm, alerting/throttle.py may hold it longer."""
        left = alert.wait(now)
        if not left and not alert.is_loud:
            own = self._telling.of(alert.hook)
            if silent := silences.until(self.state_dir, alert.server, now):
                return silences.in_words(silent)
            if quiet := quiet_hours.wait(own.quiet, alert.fields["event"], now):
                return f"quiet until {_clock(now + quiet)}"
            if full := own.hourly_budget and self._tally.room_in(alert.hook, HOUR, now, own.hourly_budget):
                return f"hourly_budget spent until {_clock(now + full)}"
        return f"next in {left:.0f} s"


def _clock(when: float) -> str:
    return time.strftime("%H:%M", time.localtime(when))


def _list(messages: Spool, words: list[str]) -> int:
    if words:
        raise Refused(USAGE, f"alerts list takes no argument, not {' '.join(words)}")
    found = messages.of("new", "failed")
    for folder, alert in found:
        print(f"{alert.id}  {_state(messages, folder, alert)}: {_one_line(alert.fields['message'])}")
    if not found:
        print("no alert waits, and none has failed")
    return GOOD


def _state(messages: Spool, folder: str, alert: Alert) -> str:
    if folder == "new":
        return f"waits, tries {alert.fields['tries']}, {messages.until_when(alert, time.time())}"
    said = [_one_line(line) for line in alert.fields["last_output"].splitlines() if line.strip()]
    return f"{_SHOWN_AS[folder]} ({said[-1]})" if said else _SHOWN_AS[folder]


def _one_line(text: str) -> str:
    return hook.printable(text.replace("\n", " ")).rstrip("\n")


def _show(messages: Spool, words: list[str]) -> int:
    if len(words) != 1:
        raise Refused(USAGE, "alerts show needs the ID of one message; ./monitor.sh alerts lists them")
    for folder, alert in messages.named(words, *spool.FOLDERS):
        _show_one(folder, alert)
    return GOOD


def _show_one(folder: str, alert: Alert) -> None:
    fields = dict(alert.fields)
    print(f"{'id':12} {fields.pop('id')}")
    print(f"{'state':12} {_SHOWN_AS[folder]}")
    output = fields.pop("last_output")
    for key in ("created", "next", "first_try"):
        if fields.get(key):
            fields[key] = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(fields[key]))
    for key in [key for key in ("toll", "merged", "made", "touched") if key in fields]:
        del fields[key]
    for key, value in fields.items():
        if value != "":
            print(f"{key:12} {_one_line(str(value))}")
    for server, (deaths, state, cause) in alert.fields.get("toll", {}).items():
        print(f"{'':12} {server}: {deaths} deaths, {state}{f' ({cause})' if cause else ''}")
    print(f"{'last_output':12}")
    sys.stdout.write(hook.printable(output))


def _retry(messages: Spool, words: list[str]) -> int:
    found = messages.named(words, "new", "failed") if words else messages.of("failed")
    if not found:
        print("no alert has failed")
    for folder, alert in found:
        _requeue(messages.directory, folder, alert)
    if found:
        _deliver(messages)
    return max([GOOD, *(_outcome(messages, alert.id) for _, alert in found)])


def _deliver(messages: Spool) -> None:
    """Run a delivery.  The operator sees its stderr (output of hooks, faults of the spool), not its event lines."""
    program = f"{PROGRAMS}/deliver.py"
    words = [sys.executable, "-E", "-s", program, "run", messages.directory, messages.conf_dir]
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)


def _requeue(directory: str, folder: str, alert: Alert) -> None:
    """Move the alert to new/, due now.  Raises Refused."""
    fields = {**alert.fields, "tries": 0, "next": time.time()}
    fields.pop("first_try", None)
    try:
        outbox.keep(directory, fields, "new")
        if folder != "new":
            os.unlink(f"{directory}/{folder}/{alert.id}.json")
    except OSError as error:
        raise Refused(NO_PERMISSION, f"{alert.id}: cannot be moved to new/: {error.strerror}") from None


def _outcome(messages: Spool, identity: str) -> int:
    folder = messages.where(identity)
    if folder == "sent":
        print(f"{identity}: sent")
        return GOOD
    for _, alert in messages.named([_literal(identity)], folder) if folder else []:
        print(f"{identity}: {_state(messages, folder, alert)}", file=sys.stderr)
    return FAILED


def _literal(identity: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in identity)


def _drop(messages: Spool, words: list[str]) -> int:
    if not words:
        raise Refused(USAGE, "alerts drop needs the IDs of messages, or a glob; ./monitor.sh alerts lists them")
    for folder, alert in messages.named(words, "new", "failed"):
        try:
            os.unlink(f"{messages.directory}/{folder}/{alert.id}.json")
        except FileNotFoundError:
            continue  # sent meanwhile
        except OSError as error:
            raise Refused(NO_PERMISSION, f"{alert.id}: cannot be dropped: {error.strerror}") from None
        print(f"{alert.id}: dropped")
    return GOOD


_WORDS = {"list": _list, "show": _show, "retry": _retry, "drop": _drop}


def obey(words: list[str], place: Place) -> int:
    """Carry out one word.  Raises Refused."""
    word = words[0] if words else "list"
    if word not in _WORDS:
        raise Refused(USAGE, f"alerts takes {', '.join(_WORDS)}, not {word}")
    return _WORDS[word](Spool(place), words[1:])


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    return end(lambda: obey(argv[4:], Place(*argv[:4])))


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
