"""The masks of an image by their annotations: which are segments, what is left out and why.

An annotation that cannot be used does not cost the image its others. It is left out and named in
`Entry.left_out`; where something is that nobody can name (its mask, else its box), pixels that no
segment covers are not valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from vbdata.core.images import MAX_PIXELS
from vbdata.core.types import ClassFact
from vbdata.errors import BadSample

from ...formats import json_text, rle
from .. import records
from ..class_facts import Seen, by_class
from . import scalars, tables
from .classes import Categories
from .pictures import garbled
from .tables import Table

OTHER = 183  # COCO-Stuff's class of everything that is not stuff
Annotation = dict[str, Any]


@dataclass(slots=True)
class Marked:
    """An image's annotations, sorted out.

    parts: what is known of each segment but its geometry (id, name, thing, crowd, area), by id;
    named: the annotations of the same; other: those of COCO-Stuff's class "other"; unnamed: those
    that are left out but whose mask can be drawn; boxes: x, y, width, height of those whose mask
    cannot; left_out: a line for each that is left out, "reason: detail".
    """

    parts: list[dict[str, Any]] = field(default_factory=list)
    named: list[Annotation] = field(default_factory=list)
    other: list[dict[str, Any]] = field(default_factory=list)
    others: list[Annotation] = field(default_factory=list)
    unnamed: list[Annotation] = field(default_factory=list)
    boxes: list[tuple[float, ...]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def marked(
    annotations: Sequence[Annotation], table: Table, size: tuple[int, int], *, stuff: bool = False
) -> Marked:
    """Sort out an image's annotations with masks of their own.

    table: their file; size: (width, height) of the image; stuff: whether they are COCO-Stuff's.
    Raises BadSample if two have one id, or an area is larger than any picture.
    """
    found = Marked()
    for number, annotation in _numbered(annotations):
        try:
            part = _part(annotation, number, table.categories or {})
            part["area"] = _area(annotation, number, table, size)
        except _LeftOut as out:
            _leave_out(found, annotation, out, number, table, size)
            continue
        of_rest = stuff and scalars.whole(annotation.get("category_id")) == OTHER
        (found.other if of_rest else found.parts).append(part)
        (found.others if of_rest else found.named).append(annotation)
    return found


def listed(segments: Sequence[Any], categories: Categories) -> tuple[list[dict[str, Any]], Marked]:
    """Sort out the segments of a panoptic annotation.

    Returns all of them as parts, by id, those that are left out with the name "", and what is
    left; areas that are not stated are 0. Raises BadSample for one without an id of its own.
    """
    found, every = Marked(), []
    ids = [scalars.whole(s.get("id")) if isinstance(s, dict) else None for s in segments]
    if None in ids or len(set(ids)) < len(ids):
        raise garbled("a segment of segments_info has no id of its own")
    for number, segment in sorted(zip(ids, segments, strict=True), key=lambda pair: pair[0] or 0):
        try:
            part = _part(segment, number or 0, categories)
            part["area"] = _stated_area(segment, number or 0) or 0
            found.parts.append(part)
        except _LeftOut as out:
            part = {"id": number, "name": "", "thing": False, "crowd": False, "area": 0}
            found.left_out.append(f"{out.reason}: segment {number}: {out.detail}")
        every.append(part)
    return every, found


def facts(parts: Sequence[dict[str, Any]]) -> tuple[ClassFact, ...]:
    """What is in an image, by class name. parts: those of Marked."""
    return by_class(
        Seen(each["name"], each["thing"], each["crowd"], int(each["area"])) for each in parts
    )


class _LeftOut(Exception):
    """Why an annotation is left out. drawable: whether its mask may be usable nevertheless."""

    def __init__(self, reason: str, detail: str, *, drawable: bool = False) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail, self.drawable = reason, detail, drawable


def _numbered(annotations: Sequence[Annotation]) -> list[tuple[int, Annotation]]:
    """The annotations by id; if one has none, all by their place in the file, from 1."""
    ids = [scalars.whole(each.get("id")) for each in annotations]
    numbers = [id_ for id_ in ids if id_ is not None]
    if len(numbers) < len(ids):
        by_place = sorted(annotations, key=lambda each: each[json_text.PLACE][0])
        return list(enumerate(by_place, 1))
    if len(set(numbers)) < len(numbers):
        raise garbled("two annotations have the same id")
    return sorted(zip(numbers, annotations, strict=True), key=lambda pair: pair[0])


def _part(annotation: Annotation, number: int, categories: Categories) -> dict[str, Any]:
    """What an annotation says of its segment: id, name, thing, crowd. Raises _LeftOut."""
    kind, crowd = annotation.get("category_id"), annotation.get("iscrowd")
    id_ = scalars.identity(kind)
    if id_ is None or id_ not in categories:
        detail = f"category {kind!r:.40}, not one of {len(categories)}"
        raise _LeftOut("unknown category", detail, drawable=True)
    crowd = 0 if crowd is None else int(crowd) if isinstance(crowd, bool) else scalars.whole(crowd)
    if crowd not in (0, 1):
        detail = f"iscrowd is {annotation.get('iscrowd')!r:.40}, expected 0 or 1"
        raise _LeftOut("garbled annotation", detail, drawable=True)
    category = categories[id_]
    return {
        "id": number,
        "name": category.name,
        "thing": category.thing,
        "crowd": bool(crowd),
    }


def _stated_area(annotation: Annotation, number: int) -> float | None:
    """An annotation's area, None unless above 0. Raises BadSample beyond all pictures."""
    given = annotation.get("area")
    if isinstance(given, int | float) and not isinstance(given, bool) and given > MAX_PIXELS:
        raise garbled(f"annotation {number}: area is {given!r:.40}")
    return scalars.positive(given)


def _area(annotation: Annotation, number: int, table: Table, size: tuple[int, int]) -> float:
    """The stated area, else the pixels that the mask paints. Raises _LeftOut if that is nothing."""
    if wrong := annotation.get(json_text.NOTE):
        reason, _, detail = wrong.partition(": ")
        raise _LeftOut(reason, detail)
    if (stated := _stated_area(annotation, number)) is not None:
        return stated
    try:
        painted = drawn_area(tables.whole(annotation, table.text), size)
    except BadSample as bad:
        raise _LeftOut("unusable mask", bad.detail) from bad
    if not painted:
        raise _LeftOut("empty mask", "it covers no pixel")
    return painted


def usable(annotation: Annotation, table: Table, size: tuple[int, int]) -> bool:
    """Whether an annotation has a mask that covers a pixel. Raises BadSample as `marked` does."""
    try:
        return _area(annotation, 0, table, size) > 0
    except _LeftOut:
        return False


def drawn_area(annotation: Annotation, size: tuple[int, int]) -> int:
    """The pixels that an annotation's mask covers. size: (width, height). Raises BadSample."""
    return rle.area(rle.runs(annotation.get("segmentation"), size[1], size[0]))


def _leave_out(
    found: Marked,
    annotation: Annotation,
    out: _LeftOut,
    number: int,
    table: Table,
    size: tuple[int, int],
) -> None:
    """Note an annotation that is left out, and where it is. size: (width, height) of the image."""
    found.left_out.append(f"{out.reason}: annotation {number}: {out.detail}")
    if out.reason == "empty mask":
        return
    if out.drawable and usable(annotation, table, size):
        found.unnamed.append(annotation)
    elif box := scalars.box(tables.whole(annotation, table.text).get("bbox")):
        found.boxes.append(box)


def packed(found: Marked, kind: str, table: Table, **more: Any) -> bytes:
    """The record of an entry: a line of JSON for the segments, then the annotations as they stand.

    kind: of the masks; more: further keys of the line.
    """
    head = {"segments": kind, "parts": found.parts, "other": found.other}
    extra = {"unnamed": len(found.unnamed), "boxes": found.boxes}
    line = records.pack(head | {key: value for key, value in extra.items() if value} | more)
    given = [*found.named, *found.others, *found.unnamed]
    places = (annotation[json_text.PLACE] for annotation in given)
    return line + b"\n" + tables.texts(places, table.text)
