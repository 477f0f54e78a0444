"""Masks of an image of which all are plain: what `parts` says of them, from columns and sooner."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.core.types import ClassFact

from .. import class_facts, records
from . import scalars

if TYPE_CHECKING:
    from .annotations import Rows
    from .tables import Category, Table

CROWD = ("false", "true")


class Label(NamedTuple):
    """A class as annotations name it.

    order: its place among the classes of the file by name; end: of the JSON of its parts.
    """

    order: int
    category: Category
    end: str


def labels(
    kinds: Sequence[int | str], categories: Mapping[int | str, Category] | None
) -> list[Label | None]:
    """The classes that annotations name by their ids, None for one that is not listed."""
    known = categories or {}
    orders = {category: order for order, category in enumerate(sorted({*known.values()}))}
    found = [known.get(kind) for kind in kinds]
    return [each and Label(orders[each], each, _end(each)) for each in found]


def _end(category: Category) -> str:
    return f'"name":{json.dumps(category.name)},"thing":{CROWD[category.thing]}}}'


def described(
    rows: Rows, table: Table, kind: str, more: Mapping[str, Any]
) -> tuple[tuple[ClassFact, ...], bytes] | None:
    """The facts and the record of plain masks, as parts.facts and parts.packed make them.

    None if one is of a class that is not listed. kind: of the masks; more: keys of the record.
    """
    parts: list[str] = []
    found: dict[int, list[tuple[int, int]]] = {}
    columns = zip(rows.ids, rows.kinds, rows.crowds, rows.areas, strict=True)
    named: dict[int, Category] = {}
    for place, (id_, code, crowd, area) in enumerate(columns):
        if (label := table.labels[code]) is None:
            return None
        order, category, end = label
        parts.append(f'{{"area":{area!r},"crowd":{CROWD[crowd]},"id":{id_},{end}')
        part = (place, -1 if crowd or not category.thing else int(area))
        if (of_class := found.get(order)) is None:
            found[order], named[order] = [part], category
        else:
            of_class.append(part)
    head = records.pack({**more, "other": [], "parts": [], "segments": kind})
    line = head.replace(b'"parts":[]', b'"parts":[%b]' % ",".join(parts).encode(), 1)
    facts = [class_facts.fact(*named[order], found[order]) for order in sorted(found)]
    read = table.text.read
    texts = b",".join([read(*place) for place in zip(rows.starts, rows.ends, strict=True)])
    return tuple(facts), b"%b\n[%b]" % (line, texts)
