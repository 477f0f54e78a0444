"""A batch of entries as it is stored: a line and a record each, and their rows of the facts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import orjson
import pyarrow as pa

from vbdata.core.rng import words_of
from vbdata.core.types import Entry
from vbdata.index.facts import (
    FACTS,
    FIELDS,
    VALUES,
    digested,
    entry_line,
    line_values,
    plain_values,
    read_entry,
    sha256,
)

BATCH = 512  # rows of stored entries in a batch: what is read at once for one of them
STORED = pa.schema([("entry", pa.binary()), ("record", pa.binary())])
ROWS = pa.schema([*STORED, *FACTS])
ENCODER = msgspec.json.Encoder()
# Subclasses of Python's types are read as those, so their texts have to be looked at.
STRICT = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME
PLACES: Final[Mapping[str, int]] = {name: place for place, name in enumerate(FIELDS)}
PARTED = attrgetter("name", "thing", "instances", "smallest", "parts")
PARTS, TAG = attrgetter("parts"), attrgetter("tag")
# Of what usual values are made: a list is of any length, a tuple of the columns of rows.
USUAL: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("id", "group", "license", "fault"), str),
    **dict.fromkeys(("width", "height", "references"), int),
    **{name: [str] for name in ("labels", "captions", "instructions", "left_out", "absent")},
    "files": [(str, str, int)],
    "classes": [(str, bool, int, int)],
    "expressions": [(str, [int])],
    "camera": [float],
    "relabel": [(str, str, bool)],
    "hidden": [(int, str)],
}
Column = Sequence[Any]
flat: Callable[[Iterable[Iterable[Any]]], Iterable[Any]] = chain.from_iterable


class Rows(NamedTuple):
    """A batch of entries. lines, records: of each; facts: a row each, with the columns of FACTS."""

    lines: pa.Array
    records: pa.Array
    facts: pa.Table

    def table(self) -> pa.Table:
        """All of it as a table of ROWS."""
        return pa.Table.from_arrays([self.lines, self.records, *self.facts.columns], schema=ROWS)


def written(batch: Sequence[Entry]) -> Rows:
    """A batch as it is stored, the facts as entries will be read: with numbers of Python.

    Raises SourceError for a value that JSON lacks.
    """
    columns = [*map(_plain, FIELDS, zip(*map(VALUES, batch), strict=True))]
    lines = _usual_lines(batch, columns)
    if lines is None:
        pairs = [*map(_unusual, batch)]
        lines, columns = [line for line, _ in pairs], [*zip(*(v for _, v in pairs), strict=True)]
    records = [bytes(entry.record) for entry in batch]
    rows = zip(zip(*columns, strict=True), records, strict=True)
    digests = [sha256(digested(values, record)) for values, record in rows]
    facts = _facts(columns, digests)
    return Rows(pa.array(lines, pa.binary()), pa.array(records, pa.binary()), facts)


def _plain(name: str, column: Column) -> Column:
    plain = FIELDS[name].plain
    return column if plain is None else [*map(plain, column)]


def _usual_lines(batch: Sequence[Entry], columns: Sequence[Column]) -> list[bytes] | None:
    """The lines of entries of usual values, None if there are others. columns: plain, by field."""
    facts = [*flat(entry.classes for entry in batch)]
    parts = [*map(PARTS, facts)]
    if not _are([parts], [[(int, int)]]):
        return None
    for name, column in zip(FIELDS, columns, strict=True):
        given = [value for value in column if value is not None]
        if not _are(given, USUAL[name]) or (name == "camera" and not _finite(given)):
            return None
    values = dict(zip(FIELDS, columns, strict=True))
    if all(parts):
        values["classes"] = [[*map(PARTED, entry.classes)] for entry in batch]
    tagged = any(map(TAG, flat(entry.files.values() for entry in batch)))
    if tagged or (any(parts) and not all(parts)):
        rows = zip(zip(*columns, strict=True), batch, strict=True)
        lines = [line_values(row, entry) for row, entry in rows]
    else:
        lines = [dict(zip(FIELDS, row, strict=True)) for row in zip(*values.values(), strict=True)]
    try:
        return [*map(ENCODER.encode, lines)]
    except UnicodeEncodeError:  # half a surrogate pair
        return None


def _are(values: Column, usual: Any) -> bool:
    """Whether values are of the types of Python that they usually are, at any depth."""
    kinds = {*map(type, values)}
    if isinstance(usual, type):
        return kinds <= {usual}
    if not kinds <= {tuple, list}:
        return False
    if isinstance(usual, list):
        return _are([*flat(values)], usual[0])
    return all(map(_are, zip(*values, strict=True), usual))


def _finite(cameras: Iterable[Iterable[float]]) -> bool:
    return all(map(math.isfinite, flat(cameras)))


def _unusual(entry: Entry) -> tuple[bytes, Sequence[Any]]:
    """The line and the plain values of an entry of any values. Raises SourceError."""
    values = plain_values(entry)
    try:
        line = orjson.dumps(line_values(values, entry), option=STRICT)
    except TypeError:
        line = b""  # a number of NumPy, or half a surrogate pair
    if not line or "np." in repr(values) or not _finite([values[PLACES["camera"]] or ()]):
        line = entry_line(entry)
        values = plain_values(read_entry(line, bytes(entry.record)))
    return line, values


def _facts(columns: Sequence[Column], digests: list[str]) -> pa.Table:
    """The facts of entries. columns: their plain values, by field."""
    files = columns[PLACES["files"]]
    made: dict[str, Column] = {
        "word": words_of(columns[PLACES["id"]]).tolist(),
        "digest": digests,
        "missing": [[role for role, _, size in each if size < 0] for each in files],
    }
    arrays = []
    for field in FACTS:
        given = made[field.name] if field.name in made else columns[PLACES[field.name]]
        arrays.append(_array(given, field.type))
    return pa.Table.from_arrays(arrays, schema=FACTS)


def _array(values: Column, type_: pa.DataType) -> pa.Array:
    """A column of the facts. Lists of rows are made of their columns, in half of the time."""
    if not pa.types.is_list(type_):
        return pa.array(values, type_)
    values = [value or () for value in values]
    if not pa.types.is_struct(type_.value_type):
        return pa.array(values, type_)
    bounds = np.zeros(len(values) + 1, np.int32)
    np.cumsum([*map(len, values)], out=bounds[1:])
    fields = [type_.value_type.field(number) for number in range(type_.value_type.num_fields)]
    parts: Iterable[Column] = [*zip(*flat(values), strict=True)] or [()] * len(fields)
    pairs = zip(parts, fields, strict=True)
    inner = pa.StructArray.from_arrays([pa.array(p, f.type) for p, f in pairs], fields=fields)
    return pa.ListArray.from_arrays(pa.array(bounds), inner, type=type_)
