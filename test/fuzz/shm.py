"""health/shm_table.py: slots that anyone may have written, and one slot as it is put in."""

from __future__ import annotations

from types import SimpleNamespace

from inputs import Chooser, holds, nothing_is_executed

from health import shm_table

LAYOUTS = (shm_table.LAYOUT, "@i51siq", ">i51sxi4xq", "<q10sii", "<h3shb", "@i1six3xq")
SLOTS = 4


def _table(choose: Chooser) -> shm_table.Table:
    table = shm_table.Table(1, choose.pick(LAYOUTS), SLOTS)
    memory = bytearray(SLOTS * table.layout.size)
    for _ in range(choose.number(6)):
        at = choose.number(len(memory) - 1)
        piece = choose.bytes(12)[: len(memory) - at]
        memory[at : at + len(piece)] = piece
    table._view, table._memory, table._may_write = memoryview(memory), SimpleNamespace(detach=int), True
    return table


def a_table_is_read(choose: Chooser) -> None:
    """Each slot shows what can be shown."""
    table = _table(choose)
    pids = table.pids()
    assert pids == [table.slot(index).pid for index in range(SLOTS)]
    for index, slot in table.used():
        assert slot.name.isprintable() and slot.pid == pids[index]
        shm_table.living(slot.pid)
    assert table.find(pids[2]) in range(3)


def a_beat_changes_the_time_alone(choose: Chooser) -> None:
    """Whatever the clock says."""
    table = _table(choose)
    index = choose.number(SLOTS - 1)
    before = bytes(table._view)
    table.beat(index, choose.number(1 << 64) - (1 << 63))
    start = index * table.layout.size + table.layout.atime_at
    after = bytes(table._view)
    assert (
        after[:start] + after[start + table.layout.atime_size :]
        == before[:start] + before[start + table.layout.atime_size :]
    )
    table.slot(index)


if __name__ == "__main__":
    nothing_is_executed()
    holds(a_table_is_read, size=60)
    holds(a_beat_changes_the_time_alone, size=60)
