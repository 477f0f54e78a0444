"""Rows of the files of a source: Parquet by row groups, and JSONL, whose cells are texts alone.

Of a column of pictures a row has a cell, for bytes and image structs, or a value: the path of a
file, or a list of them.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.errors import BadSample, SourceError

from ...formats.parquet import groups, pages
from .. import own_records as own
from .. import records
from .cells import Cell

if TYPE_CHECKING:
    from vbdata.core.types import FileRef
    from vbdata.storage.folder import Root

    from ...formats.parquet.groups import Opened

LINES = (".jsonl", ".ndjson")
PATH = ".path"  # of an image struct
TEXTS = ("string", "large_string", "string_view")  # types of pyarrow
BYTES = ("binary", "large_binary", "binary_view")


@dataclass(frozen=True, slots=True)
class Row:
    """A row. values, cells: by column; lost: columns that are damaged here, and how.

    several: columns of lists with more than one picture, and the cells of the others; the cell in
    `cells` is of the first.
    """

    number: int
    values: dict[str, Any]
    cells: dict[str, Cell] = field(default_factory=dict)
    lost: dict[str, BadSample] = field(default_factory=dict)
    several: dict[str, list[Cell]] = field(default_factory=dict)


class Lost(NamedTuple):
    """Rows that cannot be read. first: number of the first; rows: how many, 0 if unknown."""

    first: int
    rows: int
    bad: BadSample


class Wanted(NamedTuple):
    """The columns that are read, each with the option that names it."""

    pictures: dict[str, str]
    texts: dict[str, str]


def is_lines(path: str) -> bool:
    """Whether a file is JSONL."""
    return path.lower().endswith(LINES)


def columns(root: Root, file: FileRef) -> list[str]:
    """The names of a file's columns; of JSONL, of its lines' keys. Raises BadSample."""
    if is_lines(file.path):
        return _keys(records.without_mark(root.read(file.path)))
    return list(groups.opened(root, file).file.schema_arrow.names)


def rows(root: Root, file: FileRef, wanted: Wanted) -> Iterator[Row | Lost]:
    """The rows of a file in order. Raises SourceError for columns that it does not have."""
    read = _of_lines if is_lines(file.path) else _of_parquet
    try:
        yield from read(root, file, wanted)
    except BadSample as bad:
        yield Lost(0, 0, bad)


def _lines(data: bytes) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """(number from 1, object) of each line that is not blank, None for what is no object."""
    for number, line in enumerate(io.BytesIO(data), 1):
        if line.strip():
            yield number, own.row(line)


def _keys(data: bytes) -> list[str]:
    return list(dict.fromkeys(key for _, row in _lines(data) for key in row or ()))


def _of_lines(root: Root, file: FileRef, wanted: Wanted) -> Iterator[Row | Lost]:
    data = records.without_mark(root.read(file.path))
    if there := _keys(data):
        _check(wanted, there, file.path)
    for number, row in _lines(data):
        if row is None:
            yield Lost(number, 1, own.garbled("not a JSON object"))
        else:
            yield Row(number, row)


def _check(wanted: Wanted, there: Collection[str], path: str) -> None:
    """Raise SourceError for a column that is not there, or there twice."""
    for column, option in {**wanted.texts, **wanted.pictures}.items():
        if column not in there:
            raise own.absent(option, column, there, path)
        if list(there).count(column) > 1:
            raise SourceError(f"{path}: {option}: there are two columns {column!r}")


def _of_parquet(root: Root, file: FileRef, wanted: Wanted) -> Iterator[Row | Lost]:
    opened = groups.opened(root, file)
    _check(wanted, opened.file.schema_arrow.names, file.path)
    leaves = groups.leaves(opened) | groups.in_lists(opened)
    binary = {column: leaves[column] for column in wanted.pictures if column in leaves}
    texts = _texts(opened, wanted, file.path)
    first = 0
    for number, about in enumerate(opened.groups):
        if not about.rows:
            continue
        try:
            groups.refuse_large(about, first)
        except BadSample as bad:
            yield Lost(first, about.rows, bad)
            return
        try:
            values = groups.rows(opened, number, texts) if texts else [{}] * about.rows
        except BadSample as bad:
            yield Lost(first, about.rows, bad)
        else:
            found = {
                column: _cells(root, file, column, opened, number, leaf)
                for column, leaf in binary.items()
            }
            for place, row in enumerate(values):
                cells = {c: e.cells[place] for c, e in found.items() if place < len(e.cells)}
                lost = {c: e.bad for c, e in found.items() if e.bad and c not in cells}
                several = {c: more for c, e in found.items() if (more := e.more(place))}
                yield Row(first + place, row, cells, lost, several)
        first += about.rows


def _texts(opened: Opened, wanted: Wanted, path: str) -> list[str]:
    """The columns that pyarrow reads: texts, and paths of pictures. Raises SourceError."""
    import pyarrow as pa

    schema, found = opened.file.schema_arrow, list(wanted.texts)
    lists = groups.in_lists(opened)
    for column, option in wanted.pictures.items():
        kind = schema.field(column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if column in lists:
            continue
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            if kind.get_field_index("path") >= 0:
                found.append(column + PATH)
            continue
        items = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind
        if str(items) in TEXTS:
            found.append(column)
        elif items is not kind or str(kind) not in BYTES:
            raise SourceError(
                f"{path}: {option}: column {column!r} is {kind!s:.100}; expected bytes of a file, "
                "an image struct {bytes, path}, a path, or a list of structs or paths"
            )
    return list(dict.fromkeys(found))


class _Column(NamedTuple):
    """A column of a row group. cells: of its rows, of lists the first; bad: why there are no more.

    rest: of its rows, the further cells of lists with several; rows without any are left out.
    """

    cells: list[Cell]
    bad: BadSample | None
    rest: dict[int, list[Cell]]

    def more(self, place: int) -> list[Cell]:
        """The pictures of a row behind the first, if it has a list of several."""
        return self.rest.get(place, [])


def _cells(
    root: Root, file: FileRef, column: str, opened: Opened, number: int, leaf: groups.Leaf
) -> _Column:
    """The cells of a column in a row group."""
    found: list[Cell] = []
    lengths: list[int] = []
    bad: BadSample | None = None
    try:
        chunk = groups.chunk(opened.groups[number], leaf, file.size)
        if leaf.repeats:
            lengths = groups.lengths(opened, number, column, leaf)
            if sum(max(1, count) for count in lengths) != chunk.rows:
                raise BadSample("undecodable", f"Parquet: {chunk.rows} pictures in lists of others")
        for place in pages.scan(root, file.path, chunk):
            count = min(place.page.rows, chunk.rows - len(found))
            found += [Cell(file.path, column, place, k, *chunk[3:]) for k in range(count)]
    except BadSample as err:
        bad = err
    rest: dict[int, list[Cell]] = {}
    if lengths:
        starts = [*itertools.accumulate((max(1, count) for count in lengths), initial=0)]
        for row, (start, end) in enumerate(itertools.pairwise(starts)):
            if end - start > 1 and end <= len(found):
                rest[row] = found[start + 1 : end]
        found = [found[start] for start in starts[:-1] if start < len(found)]
    return _Column(found, bad, rest)
