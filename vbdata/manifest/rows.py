"""The rows of a build in its Parquet file: where those of each shard lie; read with bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vbdata.errors import BadSample
from vbdata.layout import MANIFEST
from vbdata.manifest.columns import ROWS
from vbdata.manifest.model import Manifest
from vbdata.storage.folder import Folder

# What Parquet's own code raises for a file that is none; ArrowInvalid is a ValueError.
UNREADABLE = (ValueError, KeyError, TypeError, OSError, MemoryError, pa.ArrowException, BadSample)
LONGEST = 16 << 20  # bytes of one text
MOST_BYTES = 1 << 30  # of the rows of one row group in memory
TEXTS = tuple(field.name for field in ROWS if pa.types.is_string(field.type))
EXTRA = 1 << 20  # rows too many among which the shard that has them is looked for


class RowSpan(NamedTuple):
    """Where a shard's rows lie: in which row groups, from which row of these on, how many."""

    groups: range
    first: int
    rows: int


@contextmanager
def opened_rows(out: Folder, path: str) -> Iterator[pq.ParquetFile]:
    """The Parquet file, read by range where it lies. Texts stay dictionaries: a bomb stays small.

    Raises ValueError if its columns are not those of a build; one of UNREADABLE.
    """
    with out.open(path) as stream:
        schema = pq.ParquetFile(stream).schema_arrow.remove_metadata()
        if not schema.equals(ROWS):
            wrong = [f"{f.name}: {f.type}" for f in schema if f not in ROWS]
            lacking = [f"{f.name}: {f.type}" for f in ROWS if f not in schema]
            raise ValueError(f"columns {wrong or 'in another order'}, lacking {lacking}"[:500])
        stream.seek(0)
        yield pq.ParquetFile(stream, read_dictionary=list(TEXTS))


def row_places(file: pq.ParquetFile, manifest: Manifest) -> list[RowSpan]:
    """Where the rows of each shard lie, which follow one another in the manifest's order.

    Raises ValueError if there are not as many as the manifest says.
    """
    sizes = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
    if min(sizes, default=0) < 0 or sum(sizes) != sum(s.samples for s in manifest.shards):
        _refuse_counts(file, manifest, sum(sizes))
    ends = np.cumsum([0, *sizes])
    found, at = list[RowSpan](), 0
    for shard in manifest.shards:
        first, last = np.searchsorted(ends, [at, at + shard.samples - 1], "right").tolist()
        groups = range(first - 1, last) if shard.samples else range(0)
        found.append(RowSpan(groups, at - int(ends[first - 1]), shard.samples))
        at += shard.samples
    return found


def _refuse_counts(file: pq.ParquetFile, manifest: Manifest, total: int) -> NoReturn:
    """Raise ValueError that names the first shard with too few rows or too many."""
    if 0 <= total <= manifest.samples + EXTRA:
        counts = Counter[int]()
        for batch in file.iter_batches(columns=["shard"]):
            counts.update(batch["shard"].to_pylist())
        for number, shard in enumerate(manifest.shards):
            if counts[number] != shard.samples:
                said = f"{shard.samples} in {MANIFEST}"
                raise ValueError(f"{counts[number]} rows of shard {number}, {said}")
    raise ValueError(f"{total} rows, {manifest.samples} in {MANIFEST}")


def read_rows(file: pq.ParquetFile, place: RowSpan, columns: Sequence[str]) -> pa.Table:
    """Some columns of a shard's rows, decoded. Raises one of UNREADABLE."""
    return next(read_each(file, [place], columns))


def read_each(
    file: pq.ParquetFile, places: Iterable[RowSpan], columns: Sequence[str]
) -> Iterator[pa.Table]:
    """Some columns of the rows of several shards, a table a shard, in the order of `places`.

    Row groups that neighbours share are read once. Raises one of UNREADABLE.
    """
    groups, table = None, None
    for place in places:
        if table is None or place.groups != groups:
            groups, table = place.groups, _read_groups(file, place.groups, columns)
        rows = table.slice(place.first, place.rows)
        if len(rows) != place.rows:
            raise ValueError(f"{len(rows)} rows where there should be {place.rows}")
        yield rows


def all_rows(file: pq.ParquetFile, columns: Sequence[str]) -> pa.Table:
    """Some columns of all rows, in order; texts are dictionaries. Raises one of UNREADABLE."""
    groups = [
        _read_groups(file, range(number, number + 1), columns)
        for number in range(file.num_row_groups)
    ]
    schema = pa.schema([_stored(ROWS.field(name)) for name in columns])
    return pa.concat_tables([table.cast(schema) for table in groups] or [schema.empty_table()])


def _stored(column: pa.Field) -> pa.Field:
    """A column as `opened_rows` has it read."""
    text = pa.dictionary(pa.int32(), pa.string())
    return column.with_type(text) if column.name in TEXTS else column


def _read_groups(file: pq.ParquetFile, groups: range, columns: Sequence[str]) -> pa.Table:
    for k in groups:
        if file.metadata.row_group(k).total_byte_size > MOST_BYTES:
            raise ValueError(f"row group {k} is larger than {MOST_BYTES} bytes")
    table = file.read_row_groups(list(groups), columns=list(columns))
    empty = [name for name in table.column_names if table[name].null_count]
    if empty:
        raise ValueError(f"nulls in {', '.join(empty)}")
    for name in TEXTS:
        if name in table.column_names:
            _refuse_long(name, table[name])
    return table


def _refuse_long(name: str, column: pa.ChunkedArray) -> None:
    total = 0
    for chunk in column.chunks:
        sizes = np.asarray(pc.binary_length(chunk.dictionary))
        counts = np.bincount(np.asarray(chunk.indices), minlength=len(sizes))
        if sizes.max(initial=0) > LONGEST:
            raise ValueError(f"a text of {sizes.max()} bytes in {name}")
        total += int((sizes.astype(np.float64) * counts).sum())
    if total > MOST_BYTES:
        raise ValueError(f"{total} bytes of text in {name} of one row group")
