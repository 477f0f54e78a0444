"""Entries and batches of columns as tables of rows, of the size in which they are stored."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator

import pyarrow as pa

from vbdata.core.types import Entry
from vbdata.index.columned import columned
from vbdata.index.rows import BATCH, written

GROUP = 4096  # rows that are written, and read, at a time


def tables(given: Iterable[Entry | pa.RecordBatch]) -> Iterator[pa.Table]:
    """Tables of ROWS of what is given, in its order.

    No more than BATCH entries are in memory as Python objects, which are large, and memory is given
    back after each table: callers have the garbage collector turned off.
    """
    waiting: list[Entry] = []
    for each in given:
        if isinstance(each, Entry):
            waiting.append(each)
        if waiting and (len(waiting) == BATCH or not isinstance(each, Entry)):
            yield _written(waiting)
        if not isinstance(each, Entry):
            for rows in columned(each):
                yield rows.table()
            del rows, each
            _let_go()
    if waiting:
        yield _written(waiting)


def _written(entries: list[Entry]) -> pa.Table:
    """The rows of some entries, which are removed."""
    table = written(entries).table()
    entries.clear()
    _let_go()
    return table


def _let_go() -> None:
    gc.collect(1)
    pa.default_memory_pool().release_unused()


def groups(given: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of tables in tables of GROUP rows, fewer in the last one."""
    waiting: list[pa.Table] = []
    count = 0
    for table in given:
        waiting.append(table)
        count += len(table)
        while count >= GROUP:
            (*whole, last) = waiting
            cut = len(last) - (count - GROUP)
            waiting, count = [last.slice(cut)] * (cut < len(last)), count - GROUP
            yield _one([*whole, last.slice(0, cut)])
    if count:
        yield _one(waiting)


def _one(given: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(given).combine_chunks()
