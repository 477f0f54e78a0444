"""What the footer of a Parquet file says of its row groups.

pyarrow says it, too, but for some footers it ends the process instead of raising an error. Source:
apache/parquet-format (parquet.thrift: FileMetaData, RowGroup, ColumnChunk, ColumnMetaData).
"""

from __future__ import annotations

from typing import Any, BinaryIO, NamedTuple

from vbdata.errors import BadSample

from . import bits

TAIL = 8  # bytes after the footer: its length and the magic word
# Numbers of the fields of a file, a row group, a column in it, and what is said of that.
ROW_GROUPS = 4
COLUMNS, ROWS = 1, 3
ABOUT = 3
CODEC, VALUES, SIZE, PAGES, DICTIONARY = 4, 5, 7, 9, 11
# the names that pyarrow has for kinds of compression; the older LZ4 is not read
CODECS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4_HADOOP", "ZSTD", "LZ4")


class Leaf(NamedTuple):
    """A column of a row group.

    start, size: of its pages in the file, in bytes; codec: as pyarrow names it; values: how many.
    """

    start: int
    size: int
    codec: str
    values: int


class RowGroup(NamedTuple):
    """A row group. rows: how many; leaves: its columns, in the order of the schema."""

    rows: int
    leaves: list[Leaf]


def row_groups(stream: BinaryIO, size: int) -> list[RowGroup]:
    """The row groups of an open file of so many bytes. Raises BadSample("undecodable")."""
    stream.seek(max(0, size - TAIL))
    length = int.from_bytes(stream.read(4), "little")
    if not 0 < length <= size - TAIL:
        raise BadSample("undecodable", f"Parquet: a footer of {length} in {size} bytes")
    stream.seek(size - TAIL - length)
    try:
        told = bits.struct(stream.read(length))[0]
        return [_row_group(group) for group in told.get(ROW_GROUPS, [])]
    except (ValueError, LookupError, TypeError, AttributeError) as err:
        raise BadSample("undecodable", f"Parquet: its footer is garbled: {err!s:.100}") from err


def _row_group(group: dict[int, Any]) -> RowGroup:
    return RowGroup(int(group[ROWS]), [_leaf(column[ABOUT]) for column in group[COLUMNS]])


def _leaf(about: dict[int, Any]) -> Leaf:
    # old writers say 0 where there is no dictionary
    start = min(filter(None, (about[PAGES], about.get(DICTIONARY))), default=0)
    codec = about[CODEC]
    name = CODECS[codec] if 0 <= codec < len(CODECS) else str(codec)
    return Leaf(int(start), int(about[SIZE]), name, int(about[VALUES]))
