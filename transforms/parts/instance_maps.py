"""The instances of one class in the colours of a palette: which has which, and the proof of it.

params["class"] is the class, params["palette"] a colour for each of its instances, in the order of
the label's segments, and params["background"] the colour of all else. Crowds, and instances under
2e-4 of the image, are painted as background. With params["may_be_empty"], as benchmarks ask, no
instance need be there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vbdata.core.arrays import Array
from vbdata.core.labels import Segments
from vbdata.errors import BadSample

from . import colours
from .agreement import outside_faults, palette_faults
from .countable import PARTS
from .label_maps import by_image, counts, least_iou, lifted
from .legend import MAY_BE_EMPTY


def numbers_of_class(label: Segments, params: Mapping[str, Any]) -> list[int]:
    """Of each segment a number of its own if it is of the class, else 0."""
    of_class = (name == params["class"] for name in label.classes)
    return [number if asked else 0 for number, asked in enumerate(of_class, 1)]


def places_of(label: Segments, params: Mapping[str, Any]) -> list[list[int]]:
    """For each image, for each id of the label: which instance it is painted as, from 1; else 0."""
    numbers = [0]  # of each segment: which instance of the class it is
    for name, crowd in zip(label.classes, label.crowds, strict=True):
        numbers.append(max(numbers) + 1 if name == params["class"] and not crowd else 0)
    count = len(params["palette"])
    if max(numbers) > count:
        detail = f"more than the {count} instances of {params['class']!r} in the index"
        raise BadSample("garbled annotation", detail)
    found = []
    for image in label.ids.reshape(-1, math.prod(label.ids.shape[-2:])):
        pixels = counts(image, len(numbers))
        large = [count * PARTS >= len(image) for count in pixels]
        found.append([n if here else 0 for n, here in zip(numbers, large, strict=True)])
    return found


def segments_of(ids: Array, count: int, valid: Array, params: Mapping[str, Any]) -> Segments:
    """A label of `count` instances of the class. ids: int32[..., H, W], 0 = none of them."""
    return Segments(
        ids=ids,
        classes=(str(params["class"]),) * count,
        things=(True,) * count,
        crowds=(False,) * count,
        valid=valid,
    )


def table_of(params: Mapping[str, Any]) -> list[colours.Rgb]:
    """The colours by id: the background's, then the palette's."""
    return [tuple(params["background"]), *(tuple(rgb) for rgb in params["palette"])]


def roundtrip(label: Segments, rgb: Array, params: Mapping[str, Any]) -> float:
    """1 - the smallest IoU of an instance or the background between label and decoded target.

    Decoded by `exact`; 0.0 if every pixel agrees.
    """
    label = lifted(label, numbers_of_class(label, params))
    table, painted = table_of(params), places_of(label, params)
    distinct = len(set(table)) == len(table)  # then equal colours are equal instances
    single = distinct and len(painted) == 1
    if single and colours.has_colours(rgb, label.ids, [table[k] for k in painted[0]]):
        return 0.0
    wanted = by_image(label.ids, painted, np.int32)
    return 1.0 - least_iou(colours.which(rgb, table), wanted, len(table))


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts valid.png or its params, a sentence each.

    rgb: uint8[H, W, 3]; valid: bool[H, W]. Of the instances that were asked for some are painted,
    each with at least 2e-4 of the image; what is not valid is background. An instance that a crop
    leaves nothing of, or that others hide, has its colour in the palette alone.
    """
    table = table_of(params)
    ids = colours.which(rgb, table)
    pixels = _pixels(ids, len(params["palette"]))
    faults = [*palette_faults(table), *outside_faults(ids > 0, valid)]
    if pixels and not any(pixels) and not params.get(MAY_BE_EMPTY):
        faults.append("no instance is painted")
    faults += [
        f"instance {number} has {count} pixels: so few are not painted"
        for number, count in enumerate(pixels, start=1)
        if 0 < count * PARTS < math.prod(ids.shape)
    ]
    return faults


def unpainted(rgb: Array, params: Mapping[str, Any]) -> int:
    """How many colours of the palette a target, uint8[H, W, 3], does not have.

    Those of instances that a crop leaves nothing of or that others hide, which is rare; 0 where a
    benchmark asks, for which it is not.
    """
    if params.get(MAY_BE_EMPTY):
        return 0
    return _pixels(colours.which(rgb, table_of(params)), len(params["palette"])).count(0)


def _pixels(ids: Array, instances: int) -> list[int]:
    """How many pixels of int32[H, W] each instance has, the background and other colours not."""
    return counts(ids, instances + 1)[1:]
