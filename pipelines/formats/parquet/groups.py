"""A Parquet file's row groups: texts as Python objects, and where the pages of its images are.

Texts are read by pyarrow, a row group at a time; binary values page by page, since pyarrow would
read the whole group for one of them (pages.py).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.errors import BadSample

from ..tars import WINDOW, Stream
from . import pages
from .footer import RowGroup, row_groups
from .pages import Chunk

if TYPE_CHECKING:
    import pyarrow as pa

    from vbdata.core.types import FileRef
    from vbdata.storage.folder import Root

END = b"PAR1"  # the last bytes of every Parquet file
MAX_ROWS = 1 << 22  # of a group; writers make at most a quarter of it by default
LAST = 10**9  # rows of a file: ids have nine digits, so that they sort as rows do


class Opened(NamedTuple):
    """An open file. file: pyarrow's ParquetFile; groups: what its footer says; size: in bytes."""

    file: Any
    groups: list[RowGroup]
    size: int


class Leaf(NamedTuple):
    """A column of bytes. number: of its leaf; levels: its largest definition level.

    repeats: 1 for one in a list; counted: the path of the leaf that says how long its lists are.
    """

    number: int
    levels: int
    repeats: int = 0
    counted: str = ""


def opened(root: Root, file: FileRef) -> Opened:
    """Open a file and read its footer. Raises BadSample for one that is cut short or garbled."""
    import pyarrow.parquet as pq

    stream = io.BufferedReader(Stream(root, file.path, file.size), WINDOW)
    if root.read_range(file.path, max(0, file.size - len(END)), len(END)) != END:
        raise BadSample("truncated", f"Parquet of {file.size} bytes without its end")
    with damage():
        found = pq.ParquetFile(stream, pre_buffer=False)
    return Opened(found, row_groups(stream, file.size), file.size)


@contextmanager
def damage() -> Iterator[None]:
    """Turn what pyarrow raises on garbled bytes into a BadSample; let the storage's errors pass."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as err:
        if isinstance(err, OSError) and err.errno is not None:
            raise  # the storage failed, not the file
        raise BadSample("undecodable", f"Parquet: {err!s:.200}") from err


def leaves(opened: Opened) -> dict[str, Leaf]:
    """The columns of bytes that are in no list, by name; of image structs that of the struct."""
    found, schema = {}, opened.file.schema
    for number in range(len(schema)):
        leaf = schema.column(number)
        is_bytes = leaf.physical_type == "BYTE_ARRAY" and leaf.logical_type.type != "STRING"
        if is_bytes and not leaf.max_repetition_level:
            found[leaf.path.removesuffix(".bytes")] = Leaf(number, leaf.max_definition_level)
    return found


def in_lists(opened: Opened) -> dict[str, Leaf]:
    """The columns of lists of image structs, by name."""
    found, schema = {}, opened.file.schema
    paths = [schema.column(number).path for number in range(len(schema))]
    for number, path in enumerate(paths):
        leaf, beside = schema.column(number), path.removesuffix("bytes") + "path"
        names = (name for name in opened.file.schema_arrow.names if path.startswith(f"{name}."))
        images = path.endswith(".bytes") and beside in paths and leaf.max_repetition_level == 1
        if images and leaf.physical_type == "BYTE_ARRAY" and (name := next(names, "")):
            found[name] = Leaf(number, leaf.max_definition_level, 1, beside)
    return found


def lengths(opened: Opened, number: int, column: str, leaf: Leaf) -> list[int]:
    """How many images the lists of a column have, in a row group; 0 for null. Raises BadSample."""
    import pyarrow.compute as pc

    with damage():
        table = opened.file.read_row_group(number, columns=[leaf.counted], use_threads=False)
        return [count or 0 for count in pc.list_value_length(table[column]).to_pylist()]


def refuse_large(about: RowGroup, first: int) -> None:
    """Check how many rows a group has. first: the rows before it. Raises BadSample("too large")."""
    if not 0 <= about.rows <= MAX_ROWS or first + about.rows > LAST:
        raise BadSample("too large", f"a row group of {about.rows} rows (at most {MAX_ROWS})")


def chunk(about: RowGroup, leaf: Leaf, size: int) -> Chunk:
    """Where a column's values are in a row group of a file of `size` bytes. Raises BadSample."""
    if leaf.number >= len(about.leaves):
        raise BadSample("undecodable", f"Parquet: {len(about.leaves)} columns in a row group")
    column = about.leaves[leaf.number]
    start, length, codec = column.start, column.size, column.codec
    count = about.rows if not leaf.repeats else max(column.values, about.rows)
    if not 0 < start <= start + length <= size or column.values != count:
        detail = f"{column.values} images of {about.rows} rows, bytes {start} + {length}"
        raise BadSample("undecodable", f"Parquet of {size} bytes: {detail}")
    if codec not in (*pages.CODECS, "UNCOMPRESSED"):
        raise BadSample("undecodable", f"Parquet: images packed with {codec}")
    return Chunk(start, length, count, codec, leaf.levels, leaf.repeats)


def rows(opened: Opened, number: int, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a group, each column -> value as JSON would have it. Raises BadSample.

    columns: names, of a field of a struct "STRUCT.FIELD".
    """
    with damage():
        table = opened.file.read_row_group(number, columns=list(columns), use_threads=False)
        listed = [_listed(_named(table, name)) for name in columns]
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*listed, strict=True)]


def _named(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of a table, or the field of a struct that is one."""
    import pyarrow.compute as pc

    if name in table.column_names:
        return table[name]
    above, _, field = name.rpartition(".")
    return pc.struct_field(table[above], field)


def _listed(column: pa.ChunkedArray) -> list[Any]:
    """A column's values as Python objects.

    Texts are read as bytes first: a text that is not UTF-8 becomes half surrogates, the fault of
    its own row, where pyarrow would refuse the whole column.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = column.cast(pa.large_binary())
    elif pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        column = column.cast(pa.list_(pa.binary()))
    return [_plain(value) for value in column.to_pylist()]


def _plain(value: Any) -> Any:
    """A value as JSON would have it: text for bytes, int for whole floats, None for NaN."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, float):
        return int(value) if value.is_integer() else None if value != value else value
    return value
