"""The plan as a Parquet file: a row group a shard, or several small shards in one.

Whoever wants one shard reads one row group, which the statistics of the column `shard` name. The
columns are made for people and for queries: ids as they are, names as dictionaries. Shard and slot
follow from the place of a row, so coded as differences they take next to no bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vbdata.errors import BadSample, BuildError
from vbdata.layout import PLAN
from vbdata.planning.blocks import Block
from vbdata.planning.plan import Plan
from vbdata.planning.row_groups import together
from vbdata.storage.folder import Folder

SCHEMA = pa.schema(
    [
        ("shard", pa.int32()),
        ("slot", pa.int32()),  # -1: a spare
        ("source", pa.dictionary(pa.int32(), pa.string())),
        ("task", pa.dictionary(pa.int32(), pa.string())),
        ("sample_id", pa.string()),
        ("pass", pa.int32()),
    ]
)
# Only the ids are worth compressing: a compressor's start takes longer than a small column.
CODING: dict[str, Any] = {
    "use_dictionary": ["source", "task", "pass"],
    "column_encoding": {"shard": "DELTA_BINARY_PACKED", "slot": "DELTA_BINARY_PACKED"},
    "compression": {name: "zstd" if name == "sample_id" else "none" for name in SCHEMA.names},
    "compression_level": {"sample_id": 1},
    "write_statistics": ["shard"],
}


def write_plan(plan: Plan, path: Path) -> None:
    """Write the plan as Parquet, whole shards to a row group; it appears all at once.

    Raises BuildError if it cannot be written.
    """
    ids = _ids(plan)
    names = _Names(cell.source for cell in plan.cells), _Names(cell.task for cell in plan.cells)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(part, SCHEMA, **CODING) as out:
            for some in together(_shards(plan, ids, names), lambda each: len(each[1])):
                out.write_table(_joined(some))
        part.replace(path)
        pa.default_memory_pool().release_unused()
    except OSError as err:
        raise BuildError(f"{path} cannot be written: {err.strerror or err}") from err


@contextmanager
def open_plan(place: str) -> Iterator[BinaryIO]:
    """The plan of a build's folder, or a .parquet file itself, open for reading.

    place: a path or URL. Raises BuildError if no plan is there.
    """
    if place.endswith(".parquet"):
        folder, _, name = place.rpartition("/")
    else:
        folder, name = place, PLAN
    try:
        with Folder(folder).open(name) as file:
            yield file
    except (BadSample, OSError, ValueError, ImportError) as err:
        raise BuildError(f"{place} holds no plan: {err}") from err


def read_shard(file: BinaryIO | Path, number: int) -> pa.Table:
    """The rows of one shard of a plan, with the columns of SCHEMA; only its row group is read.

    Raises BuildError if the file is no plan, or has no such shard.
    """
    try:
        with pq.ParquetFile(file) as plan:
            if plan.schema_arrow.names != SCHEMA.names:
                raise BuildError(f"no plan: its columns are {', '.join(plan.schema_arrow.names)}")
            spans = list(_spans(plan))
            groups = [k for k, (first, last) in enumerate(spans) if first <= number <= last]
            if not groups:
                last = max((last for _, last in spans), default=-1)
                raise BuildError(f"no shard {number}: the plan's are 0 to {last}")
            table = plan.read_row_groups(groups)
            return table.filter(pc.equal(table["shard"], number))
    except (pa.ArrowInvalid, OSError) as err:
        raise BuildError(f"no plan can be read: {err}") from err


def _spans(plan: pq.ParquetFile) -> Iterator[tuple[int, int]]:
    """First and last shard of each row group. Raises BuildError if the file does not say."""
    column = SCHEMA.names.index("shard")
    for k in range(plan.num_row_groups):
        statistics = plan.metadata.row_group(k).column(column).statistics
        if statistics is None or not statistics.has_min_max:
            raise BuildError("no plan: its row groups do not say which shards they have")
        yield statistics.min, statistics.max


class _Names:
    """A name for each cell, as a dictionary that has each name once, in the order of the cells."""

    def __init__(self, names: Iterable[str]) -> None:
        of_cells = list(names)
        unique = list(dict.fromkeys(of_cells))
        self._values = pa.array(unique, pa.string())
        self._number = np.array([unique.index(name) for name in of_cells], np.int32)

    def column(self, cell: NDArray[Any]) -> pa.DictionaryArray:
        """The name of each row. cell: unsigned[rows]."""
        return pa.DictionaryArray.from_arrays(self._number[cell], self._values)


def _shards(plan: Plan, ids: pa.Array, names: Sequence[_Names]) -> Iterator[tuple[pa.Table, range]]:
    """For each shard: a table that has it among others, and its rows in that table."""
    for block in plan.blocks():
        table = _table(block, ids, names)
        for _, rows, _ in block.shards():
            yield table, range(rows.start, rows.stop)


def _joined(shards: Sequence[tuple[pa.Table, range]]) -> pa.Table:
    """Consecutive shards as one table, without a copy for each shard."""
    parts = []
    for _, same in groupby(shards, lambda each: id(each[0])):
        run = list(same)
        start, stop = run[0][1].start, run[-1][1].stop
        parts.append(run[0][0].slice(start, stop - start))
    return pa.concat_tables(parts).combine_chunks()


def _table(block: Block, ids: pa.Array, names: Iterable[_Names]) -> pa.Table:
    columns = [
        pa.array(block.shard),
        pa.array(block.slot),
        *(each.column(block.cell) for each in names),
        ids.take(pa.array(block.record)).cast(pa.string()),
        pa.array(block.passes).cast(pa.int32()),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _ids(plan: Plan) -> pa.Array:
    """The ids of the entries of all sources, one source after the other.

    Arrow's large strings: all ids together may take more than the 2 GiB of an ordinary array.
    """
    return pa.concat_arrays(list(_large(plan)) or [pa.array([], pa.large_string())])


def _large(plan: Plan) -> Iterator[pa.Array]:
    for index in plan.indices.values():
        for chunk in index.facts["id"].chunks:
            yield chunk.cast(pa.large_string())
