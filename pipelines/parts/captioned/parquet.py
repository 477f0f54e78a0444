"""Pairs of image and caption in a Parquet file: what its rows say, and in which page an image is.

Captions and facts are read by pyarrow, a row group at a time; images page by page, since pyarrow
would read the whole group for one of them (pipelines/formats/parquet).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.core.glance import glance
from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample, SourceError

from ...formats.parquet import groups, pages
from ...formats.parquet.groups import Leaf, Opened
from ...formats.parquet.pages import Chunk, Page, ValuePlace
from .. import own_records as own
from .. import picture_files, records
from .records import BYTES, CAPTIONS, Names, bare, captioned, named

if TYPE_CHECKING:
    from vbdata.core.images import Pixels
    from vbdata.storage.folder import Root

FACTS = ("width", "height", "group", "scene", "license")


class _Shape(NamedTuple):
    """Which columns of a file are read, the same in every row group.

    leaf: the images' column; caption: the captions' column; columns: it, and those of facts.
    """

    leaf: Leaf
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
    try:
        opened = groups.opened(root, file)
    except BadSample as bad:
        yield records.faulty(bare(f"{file.path}/"), bad, file.path)
        return
    shape, first = _shape(opened, file.path, wanted), 0
    for number, about in enumerate(opened.groups):
        if not about.rows:
            continue
        try:
            groups.refuse_large(about, first)
        except BadSample as bad:
            yield _lost(file, first, about.rows, bad)
            return
        try:
            chunk = groups.chunk(about, shape.leaf, file.size)
            group = _Group(number, first, chunk, groups.rows(opened, number, shape.columns))
        except BadSample as bad:
            yield _lost(file, first, about.rows, bad)
        else:
            yield from _of_group(root, file, group, shape, wanted.frame)
        first += about.rows


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


def _shape(opened: Opened, path: str, wanted: Names) -> _Shape:
    """Choose the columns that are read. Raises SourceError."""
    leaves, names = groups.leaves(opened), opened.file.schema_arrow.names
    image = named("image_key", wanted.image, BYTES, leaves, f"columns of bytes in {path}")
    caption = named("caption_key", wanted.caption, CAPTIONS, names, path)
    columns = [caption, *(name for name in FACTS if name in names and name != caption)]
    if twice := [name for name in columns if names.count(name) > 1]:
        raise SourceError(f"{path}: two columns {twice[0]!r}")
    return _Shape(leaves[image], caption, columns)


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
