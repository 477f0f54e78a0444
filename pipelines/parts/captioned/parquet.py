"""Pairs of image and caption in a Parquet file: what its rows say, and in which page an image is.

Captions and facts are read by pyarrow, a row group at a time; images page by page, since pyarrow
would read the whole group for one of them (pipelines/parts/captioned/pages.py).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.core.glance import glance
from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample, SourceError

from ...formats.tars import WINDOW, Stream
from .. import own_records as own
from .. import picture_files, records
from . import pages
from .footer import RowGroup, row_groups
from .pages import Chunk, Page, ValuePlace
from .records import BYTES, CAPTIONS, Names, bare, captioned, named

if TYPE_CHECKING:
    import pyarrow as pa

    from vbdata.core.images import Pixels
    from vbdata.storage.folder import Root

END = b"PAR1"  # the last bytes of every Parquet file
MAX_ROWS = 1 << 22  # of a group; writers make at most a quarter of it by default
LAST = 10**9  # rows of a file: ids have nine digits, so that they sort as rows do
FACTS = ("width", "height", "group", "scene", "license")


class _Shape(NamedTuple):
    """Which columns of a file are read, the same in every row group.

    leaf, levels: number and largest definition level of the images' column; caption: the captions'
    column; columns: it, and those of facts.
    """

    leaf: int
    levels: int
    caption: str
    columns: list[str]


class _Group(NamedTuple):
    """A row group. first: number of its first row in the file; rows: column -> value, of each."""

    number: int
    first: int
    chunk: Chunk
    rows: list[dict[str, Any]]


def entries(root: Root, file: FileRef, wanted: Names) -> Iterator[Entry]:
    """One entry for each row, in order. A file or a row group that cannot be read is one fault.

    wanted: the columns of image and caption, "" where they are to be guessed. Raises SourceError
    if the file has no such columns.
    """
    import pyarrow.parquet as pq

    stream = io.BufferedReader(Stream(root, file.path, file.size), WINDOW)
    try:
        if root.read_range(file.path, max(0, file.size - len(END)), len(END)) != END:
            raise BadSample("truncated", f"Parquet of {file.size} bytes without its end")
        with _damage():
            opened = pq.ParquetFile(stream, pre_buffer=False)
        groups = row_groups(stream, file.size)
    except BadSample as bad:
        yield records.faulty(bare(f"{file.path}/"), bad, file.path)
        return
    shape, first = _shape(opened, file.path, wanted), 0
    for number, about in enumerate(groups):
        count = about.rows
        if not count:
            continue
        try:
            if not 0 <= count <= MAX_ROWS or first + count > LAST:
                raise BadSample("too large", f"a row group of {count} rows (at most {MAX_ROWS})")
            group = _group(opened, number, about, first, shape, file.size)
        except BadSample as bad:
            yield _lost(file, first, count, bad)
            if not 0 <= count <= MAX_ROWS or first + count > LAST:
                return
        else:
            yield from _of_group(root, file, group, shape, wanted.frame)
        first += count


def read(root: Root, entry: Entry) -> bytes | Pixels:
    """An entry's image, of the size of the entry: its bytes, or its pixels turned upright.

    Raises BadSample.
    """
    record, path = records.unpack(entry.record), entry.files["image"].path
    dictionary = record["dictionary"]
    place = ValuePlace(Page(*record["page"]), Page(*dictionary) if dictionary else None)
    value = pages.values(root, path, place, record["codec"], record["levels"])[record["number"]]
    if value is None:
        raise BadSample("missing", f"row {record['row']} has no image bytes", path)
    name = f"{path}, row {record['row']}"
    return picture_files.framed(bytes(value), entry, name, own.frame_of(record))


@contextmanager
def _damage() -> Iterator[None]:
    """Turn what pyarrow raises on garbled bytes into a BadSample; let the storage's errors pass."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as err:
        if isinstance(err, OSError) and err.errno is not None:
            raise  # the storage failed, not the file
        raise BadSample("undecodable", f"Parquet: {err!s:.200}") from err


def _shape(opened: Any, path: str, wanted: Names) -> _Shape:
    """Choose the columns that are read. Raises SourceError."""
    leaves, schema, names = {}, opened.schema, opened.schema_arrow.names
    for number in range(len(schema)):
        leaf = schema.column(number)
        is_bytes = leaf.physical_type == "BYTE_ARRAY" and leaf.logical_type.type != "STRING"
        if is_bytes and not leaf.max_repetition_level:
            leaves[leaf.path.removesuffix(".bytes")] = number
    image = named("image_key", wanted.image, BYTES, leaves, f"columns of bytes in {path}")
    caption = named("caption_key", wanted.caption, CAPTIONS, names, path)
    levels = schema.column(leaves[image]).max_definition_level
    columns = [caption, *(name for name in FACTS if name in names and name != caption)]
    if twice := [name for name in columns if names.count(name) > 1]:
        raise SourceError(f"{path}: two columns {twice[0]!r}")
    return _Shape(leaves[image], levels, caption, columns)


def _group(
    opened: Any, number: int, about: RowGroup, first: int, shape: _Shape, size: int
) -> _Group:
    """A row group's texts, and where its images are. Raises BadSample."""
    if shape.leaf >= len(about.leaves):
        raise BadSample("undecodable", f"Parquet: {len(about.leaves)} columns in a row group")
    column = about.leaves[shape.leaf]
    start, length, codec = column.start, column.size, column.codec
    if not 0 < start <= start + length <= size or column.values != about.rows:
        detail = f"{column.values} images of {about.rows} rows, bytes {start} + {length}"
        raise BadSample("undecodable", f"Parquet of {size} bytes: {detail}")
    if codec not in (*pages.CODECS, "UNCOMPRESSED"):
        raise BadSample("undecodable", f"Parquet: images packed with {codec}")
    with _damage():
        table = opened.read_row_group(number, columns=shape.columns, use_threads=False)
        columns = [_listed(table[name]) for name in shape.columns]
    rows = [dict(zip(shape.columns, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return _Group(number, first, Chunk(start, length, len(rows), codec, shape.levels), rows)


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


def _of_group(
    root: Root, file: FileRef, group: _Group, shape: _Shape, frame: str
) -> Iterator[Entry]:
    """The entries of a row group, and one fault for all rows after damage."""
    done = 0
    try:
        for place in pages.scan(root, file.path, group.chunk):
            yield from _of_page(root, file, group, shape, place, done, frame)
            done += place.page.rows
    except BadSample as bad:
        yield _lost(file, group.first + done, len(group.rows) - done, bad)


def _of_page(
    root: Root,
    file: FileRef,
    group: _Group,
    shape: _Shape,
    place: ValuePlace,
    done: int,
    frame: str,
) -> Iterator[Entry]:
    """The entries of a page. done: rows of the group before it; frame: of the images.

    The page is read only if a row does not state its image's size.
    """
    rows = group.rows[done : done + place.page.rows]
    sized = all(row.get("width") and row.get("height") for row in rows)
    chunk = group.chunk
    bad, pictures = None, list[memoryview | None]()
    try:
        if not sized:
            pictures = pages.values(root, file.path, place, chunk.codec, chunk.levels)
    except BadSample as err:
        bad = err
    for number, row in enumerate(rows):
        row_number = group.first + done + number
        record = {
            "group": group.number,
            "row": row_number,
            "page": place.page,
            "number": number,
            "dictionary": place.dictionary,
            "codec": chunk.codec,
            "levels": chunk.levels,
        }
        bare_entry = _bare(file, row_number)
        packed = records.pack(own.framed(record, frame))
        entry = replace(bare_entry, files={"image": file}, record=packed)
        try:
            if bad:
                raise bad
            entry = captioned(entry, row, row[shape.caption])
            yield entry if sized else _measured(entry, pictures[number], frame)
        except BadSample as err:
            yield records.faulty(entry, err, f"row {row_number} of {file.path}")


def _measured(entry: Entry, picture: memoryview | None, frame: str) -> Entry:
    """The entry with its size, by the image's bytes. Raises BadSample."""
    if picture is None:
        raise BadSample("missing", "no image bytes")
    head, tail = bytes(picture[: own.HEAD]), bytes(picture[-own.TAIL :])
    seen = glance(head, tail) or glance(bytes(picture))
    if not seen:
        raise own.unreadable(head, "its image")
    return entry if entry.width else own.seen_at(entry, seen, frame)


def _bare(file: FileRef, row: int) -> Entry:
    """The entry of a row of which nothing is known but its number."""
    return bare(f"{file.path}/{row:09d}")


def _lost(file: FileRef, first: int, count: int, bad: BadSample) -> Entry:
    """One faulty entry that stands for `count` rows from `first` on."""
    where = f"rows {first} to {first + count - 1} of {file.path}"
    return records.faulty(_bare(file, first), bad, where)
