"""The masks of one photograph: which are kept, what an index says of them, and the label."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from vbdata.core.images import MAX_PIXELS
from vbdata.core.labels import Segments
from vbdata.core.types import ClassFact
from vbdata.errors import BadSample, SourceError

from ...formats import rle
from .. import class_facts
from .. import own_records as own

if TYPE_CHECKING:
    from vbdata.core.types import Entry


class Kept(NamedTuple):
    """Which masks are kept, and what they are called."""

    name: str
    min_iou: float
    min_stability: float


class Size(msgspec.Struct):
    """What is read of the object `image`."""

    width: int
    height: int


class Facts(msgspec.Struct):
    """What an index reads of an annotation; its segmentation is passed over."""

    id: int
    area: float
    predicted_iou: float = 1
    stability_score: float = 1


class Mask(Facts, kw_only=True):
    """An annotation with its segmentation, {"size": [H, W], "counts": text}."""

    segmentation: dict[str, Any]


class Listed(msgspec.Struct):
    """A JSON of which masks are counted."""

    image: Size
    annotations: list[Facts]


class Drawn(msgspec.Struct):
    """A JSON of which masks are drawn."""

    image: Size
    annotations: list[Mask]


COUNTED, DRAWN = msgspec.json.Decoder(Listed), msgspec.json.Decoder(Drawn)


def kept(name: Any, min_iou: Any, min_stability: Any) -> Kept:
    """The options of the reader. Raises SourceError for those that cannot be."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise SourceError(f"name: {name!r:.40} is no name of a class")
    for key, value in (("min_iou", min_iou), ("min_stability", min_stability)):
        number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        if not number or not 0 <= value <= 1:
            raise SourceError(f"{key}: {value!r:.40} is not a number from 0 to 1")
    return Kept(name.strip(), float(min_iou), float(min_stability))


def facts(text: bytes, wanted: Kept) -> tuple[tuple[int, int], tuple[ClassFact, ...], int]:
    """What an index says: (width, height), the facts, and how many masks are left out.

    Raises BadSample("garbled annotation").
    """
    try:
        found = COUNTED.decode(text)
    except (msgspec.DecodeError, RecursionError) as err:
        raise own.garbled(f"its JSON is not of SA-1B's form: {err}") from err
    areas = [each.area for each in found.annotations if _is_wanted(each, wanted)]
    if not all(0 < area <= MAX_PIXELS for area in areas):
        worst = next(area for area in areas if not 0 < area <= MAX_PIXELS)
        raise own.garbled(f"a mask has an area of {worst:g} pixels")
    seen = (class_facts.Seen(wanted.name, True, False, int(area)) for area in areas)
    left_out = len(found.annotations) - len(areas)
    return (found.image.width, found.image.height), class_facts.by_class(seen), left_out


def segments(text: bytes, entry: Entry, wanted: Kept) -> Segments:
    """The label of a photograph, in the order of its JSON. Raises BadSample."""
    try:
        found = DRAWN.decode(text)
    except (msgspec.DecodeError, RecursionError) as err:
        raise own.garbled(f"its JSON is not of SA-1B's form: {err}") from err
    mine = [each for each in found.annotations if _is_wanted(each, wanted)]
    runs = [_runs(each, entry) for each in mine]
    ids = rle.paint(_largest_first(runs), entry.height, entry.width)
    count = len(mine)
    return Segments(
        ids=ids,
        classes=(wanted.name,) * count,
        things=(True,) * count,
        crowds=(False,) * count,
        valid=np.asarray(ids > 0),
    )


def _is_wanted(each: Facts, wanted: Kept) -> bool:
    stable = each.stability_score >= wanted.min_stability
    return stable and each.predicted_iou >= wanted.min_iou


def _runs(each: Mask, entry: Entry) -> rle.Runs:
    try:
        return rle.runs(each.segmentation, entry.height, entry.width)
    except BadSample as bad:
        path = entry.files["segments"].path
        raise BadSample(bad.reason, f"annotation {each.id}: {bad.detail}", path) from bad


def _largest_first(runs: Sequence[rle.Runs]) -> list[tuple[int, rle.Runs]]:
    """(number of a segment from 1, its mask), so that smaller ones are painted over larger ones."""
    order = sorted(range(len(runs)), key=lambda place: (-rle.area(runs[place]), place))
    return [(place + 1, runs[place]) for place in order]
