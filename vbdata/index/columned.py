"""A batch of columns that a reader yields, as it is stored: what `rows` makes of objects.

Lines and digests are texts of rows, by one description each: that of JSON and that of `repr`. An
entry with a text of other characters than printable ASCII becomes an object, and goes that way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from vbdata.core import row_texts
from vbdata.core.entry_columns import COLUMNS, entries_of
from vbdata.core.rng import words_of
from vbdata.core.row_texts import Choice, Each, Fixed, Node, Number, Quoted, Row, Style, Texts
from vbdata.core.texts import MOST_TEXT
from vbdata.core.types import Entry
from vbdata.index.facts import ALWAYS, FACTS, FIELDS, plain_values
from vbdata.index.presentable import presentable
from vbdata.index.rows import BATCH, Rows, written

HEX = 64  # characters of a digest
UNSAID = Entry(id="", group="", width=0, height=0, license="", files={}, labels=())
BOOLS: Mapping[Style, tuple[bytes, bytes]] = {
    "json": (b"false", b"true"),
    "python": (b"False", b"True"),
}


def columned(batch: pa.RecordBatch) -> Iterator[Rows]:
    """A batch of COLUMNS as it is stored, in order, in one or more pieces."""
    count = len(batch)
    lines = row_texts.texts(_line(batch), count)
    records = batch.column("record")
    proofs = row_texts.digests(Texts(*_texts(records), lines.odd))
    said = row_texts.texts(_digested(batch, proofs), count)
    digests = row_texts.digests(said).tobytes().hex()
    odd = lines.odd | _long(batch)  # digests say no text that lines do not
    whole = Rows(
        pa.Array.from_buffers(pa.binary(), count, _buffers(lines.bounds, lines.data)),
        records,
        _facts(batch, digests),
    )
    if not odd.any():
        yield whole
        return
    start = 0
    for is_odd, run in groupby(odd.tolist()):
        end = start + len(list(run))
        if is_odd:
            for first in range(start, end, BATCH):
                rows = batch.slice(first, min(BATCH, end - first))
                yield written([*map(presentable, entries_of(rows))])
        else:
            yield Rows(*(column.slice(start, end - start) for column in whole))
        start = end


def _line(batch: pa.RecordBatch) -> Node:
    """The description of lines, as vbdata.index.rows writes them."""
    files, classes = (_listed(batch.column(name)) for name in ("files", "classes"))
    tags, (bounds, parts) = _texts(files[1].field("tag")), _listed(classes[1].field("parts"))
    place, area = (Number(_ints(parts.field(key))) for key in ("place", "area"))
    pair = Row([Fixed(b"["), place, Fixed(b","), area, Fixed(b"]")])
    more = {
        "files": Each(*_said(*tags), around=(b",", b"")),
        "classes": Each(bounds, pair, around=(b",[", b"]")),
    }
    nodes = _nodes(batch, "json", more)
    plain = dict(zip(FIELDS, plain_values(UNSAID), strict=True))
    sign, pieces = b"{", list[Node]()
    for name in FIELDS:
        pieces.append(Fixed(b'%b"%b":' % (sign, name.encode())))
        pieces.append(nodes.get(name, Fixed(orjson.dumps(plain[name]))))
        sign = b","
    return Row([*pieces, Fixed(b"}")])


def _digested(batch: pa.RecordBatch, proofs: NDArray[np.uint8]) -> Node:
    """The description of what facts.digested says. proofs: uint8[rows, 32], of the records."""
    nodes = _nodes(batch, "python", {})
    plain = dict(zip(FIELDS, plain_values(UNSAID), strict=True))
    pieces: list[Node] = [Fixed(b"(")]
    for name in list(FIELDS)[:ALWAYS]:
        pieces += nodes.get(name, Fixed(repr(plain[name]).encode())), Fixed(b", ")
    bounds = np.arange(len(proofs) + 1) * 32
    return Row([*pieces, Quoted(proofs.reshape(-1), bounds, "bytes"), Fixed(b")")])


def _nodes(batch: pa.RecordBatch, style: Style, more: Mapping[str, Node]) -> dict[str, Node]:
    """Descriptions of the fields of a batch. more: what follows in rows of files and classes."""
    json = style == "json"
    comma = b"," if json else b", "
    opening, closing = (b"[", b"]") if json else (b"(", b")")

    def text(column: pa.Array) -> Node:
        return Quoted(*_texts(column), style)

    def texts(column: pa.Array) -> Node:
        bounds, values = _listed(column)
        each = Each(bounds, text(values), comma, b"" if json else b",")
        return Row([Fixed(opening), each, Fixed(closing)])

    def rows(name: str, *keys: str) -> Node:
        bounds, values = _listed(batch.column(name))
        parts: list[Node] = []
        for key in keys:
            column = values.field(key)
            parts.append(Fixed(comma if parts else opening))
            if pa.types.is_boolean(column.type):
                parts.append(Choice(_ints(column), BOOLS[style]))
            elif pa.types.is_integer(column.type):
                parts.append(Number(_ints(column)))
            else:
                parts.append(text(column))
        each = Row([*parts, more.get(name, Fixed(b"")), Fixed(closing)])
        return Row([Fixed(b"["), Each(bounds, each, comma), Fixed(b"]")])

    one = {name: text(batch.column(name)) for name in ("id", "group", "license")}
    sizes = {name: Number(_ints(batch.column(name))) for name in ("width", "height")}
    several = {name: texts(batch.column(name)) for name in ("labels", "captions")}
    files = rows("files", "role", "path", "size")
    classes = rows("classes", "name", "thing", "instances", "smallest")
    return {**one, **sizes, **several, "files": files, "classes": classes}


def _facts(batch: pa.RecordBatch, digests: str) -> pa.Table:
    """The facts of a batch. digests: of all rows, HEX characters each."""
    count = len(batch)
    bounds = np.arange(count + 1) * HEX
    shown = np.frombuffer(digests.encode(), np.uint8)
    made = {
        "word": pa.array(words_of(batch.column("id").to_pylist())),
        "digest": pa.Array.from_buffers(pa.string(), count, _buffers(bounds, shown)),
        "missing": _missing(batch.column("files")),
        "classes": _classes(batch.column("classes")),
    }
    nothing = {"fault": ""}
    columns = []
    for field in FACTS:
        if field.name in made:
            columns.append(made[field.name])
        elif field.name in COLUMNS.names:
            columns.append(batch.column(field.name).cast(field.type))
        else:
            columns.append(pa.array([nothing.get(field.name, ())] * count, field.type))
    return pa.Table.from_arrays(columns, schema=FACTS)


def _classes(column: pa.ListArray) -> pa.Array:
    """The column of classes without their parts."""
    inner = FACTS.field("classes").type.value_type
    fields = [inner.field(number) for number in range(inner.num_fields)]
    arrays = [column.values.field(field.name).cast(field.type) for field in fields]
    values = pa.StructArray.from_arrays(arrays, fields=fields)
    return pa.ListArray.from_arrays(column.offsets, values, type=FACTS.field("classes").type)


def _missing(files: pa.ListArray) -> pa.Array:
    """The roles of the files of each row that are not there."""
    absent = _ints(files.values.field("size")) < 0
    bounds = _bounds(files)
    before = np.concatenate([[0], np.cumsum(absent)])
    roles = files.values.field("role").filter(pa.array(absent))
    offsets = pa.array(before[bounds].astype(np.int32))
    return pa.ListArray.from_arrays(offsets, roles, type=FACTS.field("missing").type)


def _long(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Which rows have so much text that a caption may be longer than prompts can say."""
    of_rows, captions = _listed(batch.column("captions"))
    _, bounds = _texts(captions)
    long: NDArray[np.bool_] = np.diff(bounds[of_rows]) > MOST_TEXT
    return long


def _bounds(column: pa.ListArray) -> NDArray[np.int64]:
    """Where the values of each row begin, with one more."""
    return column.offsets.to_numpy().astype(np.int64)


def _listed(column: pa.ListArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Where the values of each row begin, with one more, and all values."""
    return _bounds(column), column.values


def _texts(column: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of texts, and where each begins, with one more."""
    _, bounds, data = column.buffers()
    if bounds is None or not len(column):
        return np.empty(0, np.uint8), np.zeros(len(column) + 1, np.int64)
    places = np.frombuffer(bounds, np.int32)[column.offset : column.offset + len(column) + 1]
    return np.frombuffer(data or b"", np.uint8), places.astype(np.int64)


def _said(data: NDArray[np.uint8], bounds: NDArray[np.int64]) -> tuple[NDArray[np.int64], Node]:
    """Texts as lists of one each, of none where they are blank."""
    there = np.flatnonzero(np.diff(bounds))
    places = np.append(bounds[there], bounds[-1])
    counts = np.searchsorted(there, np.arange(len(bounds)))
    return counts, Quoted(data, places, "json")


def _ints(column: pa.Array) -> NDArray[np.int64]:
    return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)


def _buffers(bounds: NDArray[np.int64], data: NDArray[np.uint8]) -> Sequence[Any]:
    """The buffers of an Arrow array of texts. Raises OverflowError for 2 GB and more."""
    if bounds[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{bounds[-1]} bytes in a batch of columns; at most 2 GB")
    return [None, pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(data)]
