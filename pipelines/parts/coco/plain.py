"""Masks of an image of which all are plain: what `parts` says of them, from columns and sooner."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vbdata.core.types import ClassFact

from .. import records
from ..class_facts import fact
from . import scalars

if TYPE_CHECKING:
    from .annotations import Row
    from .tables import Categories, Category, Table

SMALLEST = 1e-3  # area in pixels from which msgspec writes numbers as Python does
ENCODER = msgspec.json.Encoder()


class Label(NamedTuple):
    """A class as annotations name it.

    order: its place among the classes of the file by name; thing: whether it can be counted; name:
    as JSON.
    """

    order: int
    thing: bool
    name: msgspec.Raw


class Part(msgspec.Struct, gc=False):
    """What is known of a segment but its geometry, in the order of the JSON: by name."""

    area: float | int
    crowd: bool
    id: int
    name: msgspec.Raw
    thing: bool


def labels(kinds: Iterable[Any], categories: Categories) -> list[Label | None]:
    """The classes that annotations name by their ids, None for one that is not listed."""
    orders = {category: order for order, category in enumerate(in_order(categories))}
    ids = map(scalars.identity, kinds)
    named = [None if id_ is None else categories.get(id_) for id_ in ids]
    return [each and Label(orders[each], each.thing, _json(each.name)) for each in named]


def in_order(categories: Categories) -> list[Category]:
    """The classes of a file by name, each once."""
    return sorted({*categories.values()})


def _json(name: str) -> msgspec.Raw:
    return msgspec.Raw(records.pack(name))


def described(
    rows: Sequence[Row], table: Table, kind: str, more: Mapping[str, Any]
) -> tuple[tuple[ClassFact, ...], bytes] | None:
    """The facts and the record of plain masks, as parts.facts and parts.packed make them.

    None if one is of a class that is not listed, or too small for numbers to be written alike.
    kind: of the masks; more: keys of the record.
    """
    labels = table.labels
    parts: list[Part] = []
    found: dict[int, list[tuple[int, int]]] = {}
    for place, (id_, code, crowd, area, whole, _, _) in enumerate(rows):
        label = labels[code]
        if label is None or area < SMALLEST:
            return None
        pixels = int(area)
        order, thing, name = label
        parts.append(Part(pixels if whole else area, crowd, id_, name, thing))
        part = (place, pixels if thing and not crowd else -1)
        if order in found:
            found[order].append(part)
        else:
            found[order] = [part]
    classes = table.classes
    facts = tuple([fact(*classes[order], found[order]) for order in sorted(found)])
    texts = b",".join(table.text.parts([row[5:] for row in rows]))
    return facts, b"%b\n[%b]" % (_head(kind, **more) % ENCODER.encode(parts), texts)


@functools.cache
def _head(kind: str, **more: str) -> bytes:
    """The line of a record, with %b for its parts."""
    line = records.pack({**more, "other": [], "parts": [], "segments": kind})
    return line.replace(b"%", b"%%").replace(b'"parts":[]', b'"parts":%b', 1)
