"""alerting/ and state/: files of the spool, the input and the answer of a hook, and the history."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

from inputs import HERE, Chooser, holds, nothing_is_executed, put, raw_of

from alerting import hook, outbox, sms
from base import busy_port, last_words, reasons
from config import values
from state import history, spool, whole_history
from watch import alert_queue

ALERTS = f"{HERE}/alerts"
GOOD = (
    b'{"id": "a-1.death.sms", "incident": "a-1", "hook": "sms", "event": "death", "server": "a", "message": "m",'
    b' "pid": "", "cause": "", "action": "", "count": "", "host": "h", "hooks": "sms", "instead": "", "created": 1.5,'
    b' "tries": 0, "next": 1.5, "last_output": "", "merged": ["a-2.death.sms.json"], "toll": {"a": [1, "x", "y"]},'
    b' "told": 0, "touched": 0, "made": 0}\n'
)
WORDS = (
    "{",
    "}",
    "[",
    "]",
    '"',
    ":",
    ",",
    "null",
    "NaN",
    "Infinity",
    "1e999",
    "\\ud800",
    "\\u0000",
    '"id"',
    "tries",
    "toll",
    "-5",
)
HOWS = ("exit 0", "exit 75", "exit 3", "signal KILL", "signal 40", "unknown", "")


def a_file_of_the_spool_is_a_message_or_alien(choose: Chooser) -> None:
    """A message can be put into the words and environment of a program, and into one SMS."""
    put(f"{ALERTS}/new/a-1.death.sms.json", choose.raw(WORDS) if choose.number(7) == 0 else choose.changed(GOOD))
    try:
        alert = outbox.read(ALERTS, "a-1.death.sms.json")
    except outbox.Alien as error:
        assert str(error)
        return
    assert values.is_name(alert.hook) and alert.id == "a-1.death.sms"
    alert.wait(1000.0)
    assert alert.order and alert.lane and alert.is_loud in (True, False)
    for value in hook._environment({}, alert.fields).values():
        assert b"\0" not in os.fsencode(value)


def what_is_queued_is_read(choose: Chooser) -> None:
    """Any text comes through."""
    # an incident begins with the name of a server, and is UTF-8
    name = "".join(letter for letter in choose.text(most=2) if letter not in "/\0\udc80\udcff")[:40]
    fields = {
        "incident": f"b{name}",
        "event": "death",
        "hook": "sms",
        "server": choose.text(most=2),
        "message": choose.text(most=6),
    }
    fields["cause"] = choose.text(most=3)
    file = f"{fields['incident']}.death.sms.json"
    assert spool.queue(ALERTS, fields), "its name was there already"
    try:
        found = outbox.read(ALERTS, file).fields
    finally:
        os.unlink(f"{ALERTS}/new/{file}")
    for key in ("server", "message", "cause"):
        assert found[key] == fields[key].encode("utf-8", "replace").decode(), key


def an_answer_of_a_hook_has_an_outcome(choose: Chooser) -> None:
    """In words, and without what could steer a terminal."""
    how = choose.pick(HOWS) if choose.number(1) else f"{choose.pick(('exit', 'signal'))} {choose.number(300)}"
    status = hook._status(how)
    assert status and hook.in_words(status).isprintable()
    shown = hook.printable(choose.raw().decode("utf-8", "replace"))
    assert all(letter.isprintable() or letter in "\n\t" for letter in shown) and shown[-1:] in ("", "\n")


def a_line_of_the_delivery_is_taken(choose: Chooser) -> None:
    """Whatever else printed there: the next delivery has a time."""
    heard: list[Any] = []
    loop = SimpleNamespace(after=lambda wait, call: heard.append(wait))
    watcher = SimpleNamespace(suite={}, loop=loop, emit=lambda word, server, rest: heard.append(rest))
    post = alert_queue.Post(watcher, ALERTS, HERE)  # type: ignore[arg-type]
    post._running, post._next_ms = True, "-"
    post._hear_line(choose.text(("next ", "sent ", "5000", "-"), most=4))
    post._delivered()
    assert len(heard) <= 1 and all(isinstance(each, str) or 0 <= each < 1e9 for each in heard), heard


def a_message_fits_into_one_sms(choose: Chooser) -> None:
    """With its host, server and cause."""
    host, server, cause = (choose.text(("web1", "msg_server", "signal SEGV"), most=2) for _ in range(3))
    why = choose.text(("/srv/x/y ", "is DOWN", ": ", " ("), most=4) if choose.number(2) else ""
    text = sms.one_sms(
        f"{host}: {server} died ({cause}) {choose.text(most=4)}" if choose.number(3) else choose.text(),
        host,
        server,
        cause,
        why,
    )
    assert sms.is_short(text) and text == sms.plain(text), text


def what_was_printed_has_a_reason(choose: Chooser) -> None:
    """One line of it, and ports that are ports."""
    words = (
        "Traceback (most recent call last):",
        '  File "',
        "Error: ",
        "already in use",
        "port ",
        "0.0.0.0:8000",
        ">>> ",
        "\n",
    )
    text = last_words.text_of(choose.text(words).encode("utf-8", "surrogatepass"))
    why = reasons.reason(text)
    assert len(why) <= reasons.LONGEST and "\n" not in why, why
    assert all(0 < port < 65536 for port in busy_port.ports(text) or []), text


def the_history_is_read(choose: Chooser) -> None:
    """Its last lines, whatever they are; a line as the shell writes it is found."""
    incident = history.incident_id("a", 812, 33, "0123456789")
    ours = b'{"time":"2026-11-20T08:01:27.123+08:00","event":"death","server":"a","incident":"%b"}' % incident.encode()
    rubbish = choose.raw(('"event":"death"', "\n", '"incident":"', incident))
    put(f"{HERE}/history.jsonl", rubbish + b"\n" + ours + b"\n" + choose.raw(most=2).replace(b"\n", b""))
    lines = whole_history.newest(HERE, 1000 + choose.number(300))
    assert lines[-1] == ours and history.is_death(ours) and history.is_of(ours, incident)
    for line in lines:
        history.is_death(line)
        history.is_of(line, incident)


def text_is_json(choose: Chooser) -> None:
    """As state/spool.py writes it, which does not load json."""
    text = choose.text()
    assert json.loads(spool.quoted(text)) == text
    assert json.loads(raw_of(spool.quoted(text)).decode("utf-8", "replace")) is not None


if __name__ == "__main__":
    spool.make(ALERTS)
    nothing_is_executed()
    holds(a_file_of_the_spool_is_a_message_or_alien)
    holds(what_is_queued_is_read)
    holds(an_answer_of_a_hook_has_an_outcome, size=20)
    holds(a_message_fits_into_one_sms, size=24)
    holds(what_was_printed_has_a_reason, size=24)
    holds(the_history_is_read, size=24)
    holds(text_is_json, size=16)
    holds(a_line_of_the_delivery_is_taken, size=12)
