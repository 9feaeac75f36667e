"""config/: conf is settled, or refused with lines for a person; what is settled is read as it was written."""

from __future__ import annotations

import os

from inputs import HERE, Chooser, holds, nothing_is_executed, put, raw_of

from base import tokens, url
from config import grammar, heartbeat_values, keys, settle, settled, values

CONF = f"{HERE}/conf"
KEYS = [*keys.SUITE, *keys.SERVER]
VALUES = (
    "none", "inherited", "yes", "no", "always", "never", "unlimited", "own", "pidfile", "log", "log*_1.txt", " 2",
    "TERM", "KILL",
    "SIGHUP", "5s", "500ms", "24d", "64M", "2G", "5 in 60s", "0s 60s", "022", "root", "nobody", "./a", "/bin/sh", "A=b",
    "http://127.0.0.1:80/", "https://[::1]:8080/x?y", "http://", "tcp", "127.0.0.1:80", "unix:/x", "listen", "dgram",
    "web=",
    "shm", "notify", "file", "channel", "@i51siq", "<i51sxi4xq", "0x5095", "mon-fri", "22:00-07:00", "every", "command",
    "60s", "restart", "alert", "80%", "death", "give_up", "age", "sms", "b", "daily 04:30",
)  # fmt: skip
LINES = tuple(f"\n{key} = " for key in KEYS)


def _text(choose: Chooser) -> str:
    """Half of the inputs have no letter that the grammar refuses anyway: they get further."""
    text = choose.text(VALUES, most=5)
    return text if choose.number(1) else "".join(letter for letter in text if grammar.is_plain(letter)).strip()


def _likely(choose: Chooser, key: str) -> str:
    """A value of which all others may hang: mostly a good one."""
    default = (keys.SERVER.get(key) or keys.SUITE[key])[0]
    return choose.pick((default, default, default + choose.text(most=1), choose.pick(VALUES), _text(choose)))


def a_file_is_read(choose: Chooser) -> None:
    """Into settings, each with its line, and faults."""
    raw = choose.raw((*LINES, *VALUES))
    put(f"{CONF}/monitor.conf", raw)
    found, faults = grammar.read(f"{CONF}/monitor.conf")
    count = raw.count(b"\n") + 1
    for key, (text, _, line) in found.items():
        assert grammar.is_plain(key + text) and 1 <= line <= count, (key, text, line)
    for fault in faults:
        assert fault[1] <= count and grammar.is_plain(grammar.show(fault)), fault


def a_value_is_parsed_or_refused(choose: Chooser) -> None:
    """With words; and what is settled of it is one line."""
    key = choose.pick(KEYS)
    text = _text(choose)
    parse = (keys.SERVER.get(key) or keys.SUITE[key])[1]
    try:
        found = parse(text)
    except ValueError as error:
        assert str(error), (key, text)
        return
    if grammar.is_plain(text):
        lines = list(settled.lines("a", {key: found}))
        assert list(settled.groups(lines)) == [("a", settled.settings_of({key: found}))], (key, text)


def a_directory_is_settled_or_refused(choose: Chooser) -> None:
    """Two servers and monitor.conf; the helper reads what the shell's lines were made of."""
    for path in ("monitor.conf", "servers/a.conf", "servers/b.conf"):
        lines = [f"{key} = {_likely(choose, key)}" for key in choose.sample(KEYS, 3)]
        put(f"{CONF}/{path}", raw_of("\n".join(lines)))
    try:
        found = settle.settle(CONF, HERE, HERE, ["all"])
    except settle.ConfError as error:
        assert error.lines and all(map(grammar.is_plain, error.lines)), error.lines
        return
    assert list(settled.groups(_lines(found.text()))) == found.groups()
    for number, server in enumerate(found.servers, 1):
        policy = settled.policy(number, server)
        assert len(policy.split(" ")) == 13 and policy.split() == policy.split(" "), policy


def _lines(text: str) -> list[str]:
    return [line + "\n" for line in text.rstrip("\n").split("\n")]


def words_are_split_and_put_together(choose: Chooser) -> None:
    """What is quoted is one word, as it was; and what is split does not depend on the blanks between."""
    text = choose.text(most=6)
    quoted = "'" + text.replace("'", "'\\''") + "'"
    assert tokens.split_words(f"a {quoted}  b") == ["a", text, "b"], text
    assert tokens.split_list(f"a,{quoted} b") == ["a", text, "b"], text
    for split in (tokens.split_words, tokens.split_list, tokens.split_groups):
        try:
            split(text)
        except ValueError as error:
            assert str(error)


def a_name_is_a_name(choose: Chooser) -> None:
    """And no part of a path, of a pattern, or of an option."""
    text = choose.text(("a", "web", "@", "80", "65536", "@11000", "all"), most=4)
    if values.is_server_name(text):
        assert values.is_name(text) and text.isascii() and text[0] not in "-.@_" and not set(text) & set("/ \n*?[$`")
    values.split_instance(text)


def a_url_is_taken_apart_or_refused(choose: Chooser) -> None:
    """Its port is one."""
    text = choose.text(("http://", "https://", "127.0.0.1", "[::1]", ":80", "/x", "?y", "u:p@"), most=6)
    try:
        found = url.parse(text)
    except ValueError:
        return
    assert 0 < found.port < 65536 and found.host and found.text.isascii(), text
    found.needs_curl()


def a_layout_fits_or_is_refused(choose: Chooser) -> None:
    """Its fields lie within the slot."""
    text = choose.text(("<", ">", "@", "i", "51s", "s", "x", "4x", "q", "h", "i51siq", "0", "9999"), most=7)
    try:
        heartbeat_values.layout(text)
    except ValueError:
        return
    layout = heartbeat_values.Layout(text)
    assert layout.pid_at + layout.pid_size <= layout.size and layout.atime_at + layout.atime_size <= layout.size


if __name__ == "__main__":
    os.makedirs(f"{CONF}/servers", mode=0o700)
    nothing_is_executed()
    holds(a_file_is_read)
    holds(a_value_is_parsed_or_refused, size=24)
    holds(words_are_split_and_put_together, size=16)
    holds(a_name_is_a_name, size=12)
    holds(a_url_is_taken_apart_or_refused, size=16)
    holds(a_layout_fits_or_is_refused, size=20)
    holds(a_directory_is_settled_or_refused, size=60)
