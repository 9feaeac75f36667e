"""state/record.py: a record is read as it was written, and anything else is Torn; a want is one of three words."""

from __future__ import annotations

import os

from inputs import HERE, Chooser, holds, nothing_is_executed, put

from state import record, silences

GOOD = b"name a\nstate RUNNING\npid 812\nticks 33\nmemory a:1:2:\nend\nname a\nstate STOPPED\nmessage x\\ny\nend\n"
PATH = f"{HERE}/record"
WORDS = (*(f"{key} " for key in record.KEYS), "end\n", "\nend\n", "pid 812\n")
TEXTS = [key for key in record.KEYS if key not in record.NUMBERS]


def a_record_is_read_or_torn(choose: Chooser) -> None:
    """Whatever the file holds."""
    put(PATH, choose.raw(WORDS) if choose.number(1) else choose.changed(GOOD))
    try:
        found = record.read(HERE)
    except record.Torn:
        return
    assert set(found) == set(record.KEYS)
    for key in record.NUMBERS:
        assert not found[key] or (int(found[key]) >= 0 and found[key].isascii()), found


def what_is_written_is_read(choose: Chooser) -> None:
    """And the last block counts."""
    fields = {choose.pick(TEXTS): choose.text(most=5) for _ in range(choose.number(4))}
    fields = {**{key: value for key, value in fields.items() if value}, "name": "a"}
    if os.path.exists(PATH) and os.path.getsize(PATH) > record.MOST - 1000:
        os.unlink(PATH)
    record.write(HERE, {"name": "before", "message": "before"})
    record.write(HERE, fields)
    found = {key: value for key, value in record.read(HERE).items() if value}
    assert found == fields, (found, fields)


def a_want_is_one_of_three_words(choose: Chooser) -> None:
    """`up` where it is none of them."""
    put(f"{HERE}/want", choose.raw(record.WANTS, most=4))
    assert record.read_want(HERE) in record.WANTS


def a_silence_has_an_end_or_is_none(choose: Chooser) -> None:
    """A time that is not too far."""
    put(f"{HERE}/servers/a/silence", choose.raw(("1", "2", "5000", "\n"), most=4))
    end = silences.until(HERE, "a", 1000.0)
    assert end == silences.NEVER or 1000.0 < end < 1000.0 + silences.LONGEST, end


class NoWait:
    """The clock of record.py: a reader of a torn record waits 3 ms for its writer, and here is none."""

    @staticmethod
    def sleep(_: float) -> None:
        """Not at all."""


if __name__ == "__main__":
    os.makedirs(f"{HERE}/servers/a")
    setattr(record, "time", NoWait)  # noqa: B010
    nothing_is_executed()
    holds(a_record_is_read_or_torn)
    os.unlink(PATH)
    holds(what_is_written_is_read)
    holds(a_want_is_one_of_three_words, size=16)
    holds(a_silence_has_an_end_or_is_none, size=16)
