"""Masks of images of which all are plain: what `parts` says of them, from columns and sooner."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import ClassFact

from ...formats.byte_texts import Text
from .. import records
from ..class_facts import many
from . import scalars
from .classes import Categories, Category, in_order
from .columns import Sorted

SMALLEST = 1e-3  # area in pixels from which msgspec writes numbers as Python does
ENCODER = msgspec.json.Encoder()
Ints = NDArray[np.int64]
BLOCK = 256  # images that are described at once
NONE = np.iinfo(np.int64).max  # smallest area of a class without instances


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


class Classes(NamedTuple):
    """Classes in images, by image and order.

    image, order: of each, the latter as in Label; instances, smallest: as in ClassFact; bounds:
    where the masks of each begin, with one more, in places, those in their image, and areas.
    """

    image: Ints
    order: Ints
    instances: Ints
    smallest: Ints
    bounds: Ints
    places: Ints
    areas: Ints


class Block(NamedTuple):
    """Masks of images that follow one another.

    first: the number of the first image; bounds: where the masks of each image begin; spans: where
    each mask stands in the file; facts, of: the facts of all images, and where those of each begin;
    odd: images of which something has to be looked at with care.
    """

    first: int
    bounds: list[int]
    parts: list[Part]
    spans: list[tuple[int, int]]
    facts: list[ClassFact]
    of: list[int]
    odd: frozenset[int]


NOTHING = Block(-1, [], [], [], [], [], frozenset())


def labels(kinds: Iterable[Any], categories: Categories) -> list[Label | None]:
    """The classes that annotations name by their ids, None for one that is not listed."""
    orders = {category: order for order, category in enumerate(in_order(categories))}
    ids = map(scalars.identity, kinds)
    named = [None if id_ is None else categories.get(id_) for id_ in ids]
    return [each and Label(orders[each], each.thing, _json(each.name)) for each in named]


def _json(name: str) -> msgspec.Raw:
    return msgspec.Raw(records.pack(name))


@dataclass(slots=True, kw_only=True)
class Masks:
    """The plain masks of a file, by image.

    rows: annotations.MASKS; text: the file's; labels: the classes that masks name, by their number;
    classes: all by name; together: whether images are asked for in the order of their numbers.
    """

    rows: Sorted
    text: Text
    labels: Sequence[Label | None]
    classes: Sequence[Category]
    together: bool
    _block: Block = NOTHING

    def described(
        self, image: int | None, kind: str, more: Mapping[str, Any]
    ) -> tuple[tuple[ClassFact, ...], bytes] | None:
        """The facts and the record of an image, as parts.facts and parts.packed make them.

        None if a mask is of a class that is not listed, or too small for numbers to be written
        alike. image: None for one without masks; kind: of the masks; more: keys of the record.
        """
        before, after = around(kind, **more)
        if image is None or image >= self.rows.owners:
            return (), b"%b[]%b\n[]" % (before, after)
        place = image - self._block.first
        if not 0 <= place < len(self._block.of) - 1:
            size = BLOCK if self.together else 1
            self._block = self._described(image // size * size, size)
            place = image - self._block.first
        _, bounds, parts, spans, facts, of, odd = self._block
        if place in odd:
            return None
        start, end = bounds[place], bounds[place + 1]
        texts = self.text.parts(spans[start:end])
        line = before + ENCODER.encode(parts[start:end]) + after
        if texts:  # one copy of them, and no more
            texts[0] = b"%b\n[%b" % (line, texts[0])
            texts[-1] += b"]"
        record = b",".join(texts) or line + b"\n[]"
        return tuple(facts[of[place] : of[place + 1]]), record

    def _described(self, first: int, count: int) -> Block:
        """Some images from a first one on."""
        bounds, rows = self.rows.between(first, count)
        images = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        named = [label or Label(-1, False, msgspec.Raw()) for label in self.labels]
        kinds, area, crowd = rows["kind"], rows["area"], rows["crowd"]
        order = np.array([label.order for label in named], np.int64)[kinds]
        thing = np.array([label.thing for label in named], np.bool_)[kinds]
        pixels = area.astype(np.int64)
        areas: list[float | int] = area.tolist()
        for place in np.flatnonzero(rows["whole"]).tolist():
            areas[place] = int(areas[place])
        names = [named[kind].name for kind in kinds.tolist()]
        parts = [*map(Part, areas, crowd.tolist(), rows["id"].tolist(), names, thing.tolist())]
        counts = np.where(thing & ~crowd, pixels, -1)
        facts, of = self._facts(images, order, counts)
        return Block(
            first=first,
            bounds=bounds.tolist(),
            parts=parts,
            spans=[*zip(rows["start"].tolist(), rows["end"].tolist(), strict=True)],
            facts=facts,
            of=np.searchsorted(of, np.arange(len(bounds))).tolist(),
            odd=frozenset(images[(order < 0) | (area < SMALLEST)].tolist()),
        )

    def _facts(self, images: Ints, order: Ints, areas: Ints) -> tuple[list[ClassFact], Ints]:
        """The facts of images by class, and the image of each. areas: -1 of no instance."""
        classes = [*self.classes, ("", False)]  # the last is of masks that are looked at with care
        found = by_class(images, order, areas, len(classes))
        pairs = [*zip(found.places.tolist(), found.areas.tolist(), strict=True)]
        named = [classes[kind] for kind in found.order.tolist()]
        facts = many(
            name=[name for name, _ in named],
            thing=[thing for _, thing in named],
            instances=found.instances.tolist(),
            smallest=found.smallest.tolist(),
            parts=[tuple(pairs[start:end]) for start, end in pairwise(found.bounds.tolist())],
        )
        return facts, found.image


@functools.cache
def around(kind: str, **more: str) -> tuple[bytes, bytes]:
    """What stands in the line of a record before the list of its parts, and behind it."""
    line = records.pack({**more, "other": [], "parts": [], "segments": kind})
    before, after = line.split(b'"parts":[]', 1)
    return before + b'"parts":', after


def by_class(images: Ints, order: Ints, areas: Ints, classes: int) -> Classes:
    """The classes of images of which each has some masks, by image and order.

    images, order, areas: of each mask, ascending by image; of areas, -1 of one that is no instance;
    classes: how many there may be.
    """
    keys = images * classes + order
    sorted_ = np.argsort(keys, kind="stable")
    keys, areas = keys[sorted_], areas[sorted_]
    begins = np.flatnonzero(np.diff(keys, prepend=-2))
    smallest = np.minimum.reduceat(np.where(areas >= 0, areas, NONE), begins)
    firsts = np.searchsorted(images, images)
    return Classes(
        image=images[sorted_][begins],
        order=order[sorted_][begins],
        instances=np.add.reduceat((areas >= 0).astype(np.int64), begins),
        smallest=np.where(smallest == NONE, 0, smallest),
        bounds=np.append(begins, len(keys)),
        places=(np.arange(len(images)) - firsts)[sorted_],
        areas=areas,
    )
