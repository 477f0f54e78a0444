"""The fields of an entry: how each is stored, which are columns of the facts, what is digested.

`FIELDS` is the only list of them. A field that is added to `Entry` needs one line here; without it
no entry can be written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

import numpy as np
import pyarrow as pa

from vbdata.core.types import ClassFact, Entry, Expression, FileRef
from vbdata.errors import SourceError


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How one field of an entry is written.

    plain: the value as numbers, texts, and tuples or lists of them, None if it is that; read: from
    the JSON of that to the value again; column: the Arrow type of its column among the facts, None
    if it has none. What is None is an empty list there.
    """

    column: pa.DataType | None
    plain: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] = _unchanged


def _plain_files(files: Mapping[str, FileRef]) -> list[tuple[str, str, int]]:
    return [(role, file.path, file.size) for role, file in sorted(files.items())]


def _read_files(lines: list[Any]) -> dict[str, FileRef]:
    return {
        role: FileRef(path=path, size=size, tag="".join(tag)) for role, path, size, *tag in lines
    }


_FACT = attrgetter("name", "thing", "instances", "smallest")


def _plain_classes(classes: tuple[ClassFact, ...]) -> list[tuple[str, bool, int, int]]:
    return [*map(_FACT, classes)]


def _read_classes(lines: list[Any]) -> tuple[ClassFact, ...]:
    return tuple(
        ClassFact(
            name=name,
            thing=thing,
            instances=instances,
            smallest=smallest,
            parts=tuple(map(tuple, parts[0])) if parts else (),
        )
        for name, thing, instances, smallest, *parts in lines
    )


def _plain_expressions(expressions: tuple[Expression, ...]) -> list[tuple[str, tuple[int, ...]]]:
    return [(expression.text, expression.targets) for expression in expressions]


def _read_expressions(lines: list[Any]) -> tuple[Expression, ...]:
    return tuple(Expression(text=text, targets=tuple(targets)) for text, targets in lines)


_TEXTS = pa.list_(pa.string())
_CLASSES = pa.list_(
    pa.struct(
        {
            "name": pa.string(),
            "thing": pa.bool_(),
            "instances": pa.int32(),
            "smallest": pa.int64(),
        }
    )
)
_EXPRESSIONS = pa.list_(pa.struct({"text": pa.string(), "targets": pa.list_(pa.int32())}))

# All fields but `record`, which is stored beside the line. The order is that of the digest: a new
# field goes to the end and into _LATER, or every fingerprint, lock and finished build is stale.
FIELDS: Final[Mapping[str, Field]] = {
    "id": Field(column=pa.string()),
    "group": Field(column=pa.string()),
    "width": Field(column=pa.int32()),
    "height": Field(column=pa.int32()),
    "license": Field(column=pa.string()),
    "labels": Field(column=_TEXTS, plain=tuple, read=tuple),
    "files": Field(column=None, plain=_plain_files, read=_read_files),
    "classes": Field(column=_CLASSES, plain=_plain_classes, read=_read_classes),
    "expressions": Field(column=_EXPRESSIONS, plain=_plain_expressions, read=_read_expressions),
    "captions": Field(column=_TEXTS, plain=tuple, read=tuple),
    "instructions": Field(column=_TEXTS, plain=tuple, read=tuple),
    "camera": Field(
        column=pa.list_(pa.float64()),
        read=lambda numbers: tuple(numbers) if numbers else None,
    ),
    "fault": Field(column=pa.string()),
    "left_out": Field(column=_TEXTS, plain=tuple, read=tuple),
    "relabel": Field(column=None, read=lambda lines: tuple(map(tuple, lines))),
    "hidden": Field(column=None, read=lambda lines: tuple(map(tuple, lines))),
    "absent": Field(
        column=_TEXTS,
        read=lambda names: None if names is None else tuple(names),
    ),
    "references": Field(column=None),
}
# In the digest where they are not this: entries without them stay what they were.
_LATER: Final[Mapping[str, Any]] = {
    **{"left_out": (), "relabel": (), "hidden": (), "absent": None, "references": 0},
}
_UNSAID = list(_LATER.values())
ALWAYS = len(FIELDS) - len(_LATER)  # fields that are in every digest, which come first
_STORED = tuple(field.name for field in fields(Entry) if field.name != "record")
_COLUMNS = {name: FIELDS[name].column for name in _STORED if FIELDS[name].column is not None}
VALUES = attrgetter(*FIELDS)
_PLAIN = [(place, field.plain) for place, field in enumerate(FIELDS.values()) if field.plain]
_FILES, _CLASSES_PLACE = (list(FIELDS).index(name) for name in ("files", "classes"))
# Columns of the facts: an entry's id, a hash of it, the digest of the entry, the roles of those of
# its files that are not there, then the rest.
FACTS: Final = pa.schema(
    {
        "id": _COLUMNS["id"],
        "word": pa.uint64(),
        "digest": pa.string(),
        "missing": _TEXTS,
        **{name: column for name, column in _COLUMNS.items() if name != "id"},
    }
)


def entry_digest(entry: Entry) -> str:
    """SHA-256 (hexadecimal) of all that an index says of one record."""
    return sha256(digested(plain_values(entry), entry.record))


def entry_line(entry: Entry) -> bytes:
    """An entry without its record, as JSON. Raises SourceError for a value that JSON lacks."""
    values = line_values(plain_values(entry), entry)
    return json.dumps(values, separators=(",", ":"), default=_number).encode()


def read_entry(line: bytes, record: bytes) -> Entry:
    """The entry that `entry_line` wrote, and its record."""
    values = json.loads(line)
    return Entry(record=record, **{name: FIELDS[name].read(values[name]) for name in _STORED})


def plain_values(entry: Entry) -> list[Any]:
    """The plain values of all fields but the record, in the order of FIELDS."""
    values = list(VALUES(entry))
    for place, plain in _PLAIN:
        values[place] = plain(values[place])
    return values


def line_values(plain: Sequence[Any], entry: Entry) -> dict[str, Any]:
    """What an entry's line says, by field: all but the record, with tags and parts.

    plain: its plain_values.
    """
    values = dict(zip(FIELDS, plain, strict=True))
    tags = {role: (file.tag,) for role, file in entry.files.items() if file.tag}
    if tags:
        values["files"] = [(*file, *tags.get(file[0], ())) for file in plain[_FILES]]
    if entry.classes:
        values["classes"] = [
            (*line, fact.parts) if fact.parts else line
            for line, fact in zip(plain[_CLASSES_PLACE], entry.classes, strict=True)
        ]
    return values


def digested(plain: Sequence[Any], record: bytes) -> str:
    """The text whose SHA-256 is an entry's digest. plain: the entry's plain_values."""
    values, later = plain[:ALWAYS], plain[ALWAYS:]
    if list(later) != _UNSAID:
        pairs = zip(later, _UNSAID, strict=True)
        values = [*values, *(value for value, unsaid in pairs if value != unsaid)]
    return repr((*values, hashlib.sha256(record).digest()))


def sha256(text: str) -> str:
    """The SHA-256 (hexadecimal) of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _number(value: Any) -> Any:
    """A number of NumPy as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise SourceError(f"an entry has {value!r} in it, a {type(value).__name__}")
