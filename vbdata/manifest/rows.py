"""The rows of a build in its Parquet file: where those of each shard lie; bounded reading.

A Parquet file of a few kilobytes can state or unpack to any number of rows and bytes. Therefore
nothing is allocated by what the file says before it was compared with the manifest and a bound:
columns and row counts when it is opened, the stated bytes of a row group before it is read, and
the length of texts, which stay dictionary-encoded, before they are decoded.
"""

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

# What pyarrow raises for a damaged file; ArrowInvalid is a ValueError.
UNREADABLE = (ValueError, KeyError, TypeError, OSError, MemoryError, pa.ArrowException, BadSample)
LONGEST = 16 << 20  # bytes of one text
MOST_BYTES = 1 << 30  # of one row group as it is stored, and of one of its columns of text, decoded
TEXTS = tuple(field.name for field in ROWS if pa.types.is_string(field.type))
# Rows beyond the manifest's count up to which they are counted by shard, to name the wrong one.
EXTRA = 1 << 20


class RowSpan(NamedTuple):
    """Where a shard's rows lie: its row groups, the first row counted over these, and how many."""

    groups: range
    first: int
    rows: int


@contextmanager
def opened_rows(out: Folder, path: str) -> Iterator[pq.ParquetFile]:
    """The Parquet file at `path`, open while the context lasts, read by range where it lies.

    Strings are read as dictionaries. Raises ValueError if the columns are not those of a build, and
    any of UNREADABLE if it is no Parquet file.
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
    """Where the rows of each shard lie, by its number: shard after shard, in the manifest's order.

    Raises ValueError, which names the first wrong shard where that can be told, if there are not as
    many rows as the manifest says.
    """
    sizes = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
    if min(sizes, default=0) < 0 or sum(sizes) != sum(s.samples for s in manifest.shards):
        _refuse_counts(file, manifest, sum(sizes))
    ends = np.cumsum([0, *sizes])
    spans, start = list[RowSpan](), 0
    for shard in manifest.shards:
        first, last = np.searchsorted(ends, [start, start + shard.samples - 1], "right").tolist()
        groups = range(first - 1, last) if shard.samples else range(0)
        spans.append(RowSpan(groups, start - int(ends[first - 1]), shard.samples))
        start += shard.samples
    return spans


def _refuse_counts(file: pq.ParquetFile, manifest: Manifest, total: int) -> NoReturn:
    """Raise ValueError that names the first shard with too few rows or too many."""
    if 0 <= total <= manifest.samples + EXTRA:
        counts = Counter[int]()
        for batch in file.iter_batches(columns=["shard"]):
            counts.update(batch["shard"].to_pylist())
        for number, shard in enumerate(manifest.shards):
            if counts[number] != shard.samples:
                stated = f"{shard.samples} in {MANIFEST}"
                raise ValueError(f"{counts[number]} rows of shard {number}, {stated}")
    raise ValueError(f"{total} rows, {manifest.samples} in {MANIFEST}")


def read_rows(file: pq.ParquetFile, span: RowSpan, columns: Sequence[str]) -> pa.Table:
    """Some columns of one shard's rows. Raises any of UNREADABLE if they are damaged."""
    return next(read_each(file, [span], columns))


def read_each(
    file: pq.ParquetFile, spans: Iterable[RowSpan], columns: Sequence[str]
) -> Iterator[pa.Table]:
    """Some columns of the rows of several shards: a table for each of `spans`, in their order.

    Row groups that neighbours share are read once. Raises any of UNREADABLE if they are damaged.
    """
    groups, table = None, None
    for span in spans:
        if table is None or span.groups != groups:
            groups, table = span.groups, _read_groups(file, span.groups, columns)
        rows = table.slice(span.first, span.rows)
        if len(rows) != span.rows:
            raise ValueError(f"{len(rows)} rows where there should be {span.rows}")
        yield rows


def all_rows(file: pq.ParquetFile, columns: Sequence[str]) -> pa.Table:
    """Some columns of all rows, in order; strings are dictionary-encoded.

    Raises any of UNREADABLE if they are damaged.
    """
    groups = [
        _read_groups(file, range(number, number + 1), columns)
        for number in range(file.num_row_groups)
    ]
    schema = pa.schema([_stored(ROWS.field(name)) for name in columns])
    return pa.concat_tables([table.cast(schema) for table in groups] or [schema.empty_table()])


def _stored(column: pa.Field) -> pa.Field:
    """A column with the type in which `opened_rows` reads it."""
    text = pa.dictionary(pa.int32(), pa.string())
    return column.with_type(text) if column.name in TEXTS else column


def _read_groups(file: pq.ParquetFile, groups: range, columns: Sequence[str]) -> pa.Table:
    """Some columns of some row groups, within the bounds and without nulls."""
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
    """Raise ValueError if a column would decode to a text, or a whole, beyond the bounds."""
    # A dictionary that holds one long text, with a million references to it, is small as a file.
    total = 0
    for chunk in column.chunks:
        sizes = np.asarray(pc.binary_length(chunk.dictionary))
        counts = np.bincount(np.asarray(chunk.indices), minlength=len(sizes))
        if sizes.max(initial=0) > LONGEST:
            raise ValueError(f"a text of {sizes.max()} bytes in {name}")
        total += int((sizes.astype(np.float64) * counts).sum())
    if total > MOST_BYTES:
        raise ValueError(f"{total} bytes of text in {name} of one row group")
