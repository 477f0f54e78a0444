"""Boxes of a label's segments drawn in a picture, read off it again, and the proof that both agree.

params has what a picture is of: "class", or the "targets" of an expression (segments of the label,
from 0); "style", outline or filled; "colour" for all boxes, or [] and a "palette" with one for
each; "background". Corners are those of transforms/parts/rectangles.py, which draws single boxes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, numpy, place, placed
from vbdata.core.labels import Segments
from vbdata.errors import BadSample

from . import colours, rectangles
from .components import components
from .countable import PARTS
from .legend import REJECT

SOLID = 0.05  # of an outline that a 3x3 erosion keeps

Corners = rectangles.Corners


def asked(label: Segments, params: Mapping[str, Any]) -> set[int]:
    """The places of the segments whose boxes are asked for."""
    if (targets := params.get("targets")) is not None:
        return {target for target in targets if 0 <= target < len(label.classes)}
    pairs = enumerate(zip(label.classes, label.crowds, strict=True))
    return {k for k, (name, crowd) in pairs if name == params["class"] and not crowd}


def images(label: Segments) -> list[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Of each image the ids, and what lies under them (Segments.under), int32[H, W] each."""
    ids = numpy(label.ids)
    under = np.zeros_like(ids) if label.under is None else numpy(label.under)
    size = (-1, *ids.shape[-2:])
    return list(zip(ids.reshape(size), under.reshape(size), strict=True))


def boxes_of(
    image: tuple[NDArray[np.int32], NDArray[np.int32]], label: Segments, params: Mapping[str, Any]
) -> dict[int, Corners]:
    """The boxes of the asked segments of one image, by their places; none of tiny ones.

    A segment has what is seen of it, and what lies under others.
    """
    ids, under = image
    counts = np.bincount(ids.ravel(), minlength=len(label.classes) + 1)[1:]
    if label.covered:
        lower = np.bincount(under.ravel(), minlength=len(label.covered) + 1)[1:]
        for below, pixels in zip(label.covered, lower.tolist(), strict=True):
            counts[list(below)] += pixels
    large = {k for k in asked(label, params) if counts[k] * PARTS >= ids.size}
    table = np.zeros(len(label.classes) + 1, np.int32)
    order = sorted(large)
    table[[k + 1 for k in order]] = range(1, len(order) + 1)
    found = rectangles.extents(table[ids], len(order))
    for number, k in enumerate(order if label.covered else ()):
        hidden = np.array([False, *(k in each for each in label.covered)])[under]
        if hidden.any():
            found[number] = rectangles.extents(((ids == k + 1) | hidden).astype(np.int32), 1)[0]
    return {k: box for k, box in zip(order, found, strict=True) if box}


def drawn(boxes: Mapping[int, Corners], size: Any, params: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Draw one image's boxes, by their places, as uint8 RGB [H, W, 3]; size: (H, W).

    Raises BadSample("overlapping") if they could not be read off again, "empty label" if some were
    asked for and there is none, "garbled annotation" for more than the palette has colours for.
    """
    table, listed, thick = table_of(params), list(boxes.values()), thickness(size, params)
    single = bool(params.get("colour"))
    wanted = params.get("targets") if params.get("targets") is not None else params["palette"]
    if not listed and wanted:
        raise BadSample("empty label", "nothing that was asked for is visible in the output image")
    if not single and len(listed) > len(params["palette"]):
        detail = (
            f"{len(listed)} boxes of {params['class']!r}, {len(params['palette'])} in the index"
        )
        raise BadSample("garbled annotation", detail)
    order = list(range(len(listed))) if single else rectangles.order(size, listed, thick)
    if order is None:
        raise BadSample("overlapping", f"{len(listed)} boxes, of which some hide a side of another")
    ids = np.zeros(size, np.int32)
    for k in order:
        rectangles.paint(ids, listed[k], thick, 1 if single else k + 1)
    rgb = np.array(table, np.uint8)[ids]
    found = exact_corners(rgb, params)[0]
    if sorted(found) != sorted(listed):
        raise BadSample("overlapping", f"{len(listed)} boxes in one colour decode to {len(found)}")
    return rgb


def thickness(size: Sequence[int], params: Mapping[str, Any]) -> int | None:
    """How many pixels thick outlines are in a picture of (H, W), None for filled boxes."""
    return None if params["style"] == "filled" else rectangles.thickness(size[0], size[1])


def table_of(params: Mapping[str, Any]) -> list[colours.Rgb]:
    """The colours by number: the background's, then that of all boxes, or the palette's."""
    single = [params["colour"]] if params.get("colour") else params["palette"]
    return [tuple(params["background"]), *(tuple(rgb) for rgb in single)]


def corners(rgb: Array, params: Mapping[str, Any]) -> tuple[list[Corners], NDArray[np.int32]]:
    """The boxes in an answer, uint8 RGB [H, W, 3], and int32[H, W], of which each painted pixel is.

    Of params the palette is not read: a model chooses its own colours.
    """
    pixels = np.ascontiguousarray(numpy(rgb))
    red, green, blue = params["background"]
    if params.get("colour"):
        table = [(red, green, blue), tuple(params["colour"])]
        ids, squared = colours.nearest(pixels, table)
        return _of_mask((ids == 1) & (squared <= REJECT**2), params)
    smallest, spread = 1 / PARTS, 5.0
    seen = components(
        pixels, (red, green, blue), radius=14, smallest=smallest, solid=SOLID, spread=spread
    )
    found = rectangles.extents(seen, int(seen.max(initial=0)))
    return [box for box in found if box], seen


def exact_corners(rgb: Array, params: Mapping[str, Any]) -> tuple[list[Corners], NDArray[np.int32]]:
    """The boxes of a target as `drawn` draws it, those of a palette in its order; as `corners`."""
    pixels = np.ascontiguousarray(numpy(rgb))
    ids = np.asarray(colours.which(pixels, table_of(params)))
    if params.get("colour"):
        return _of_mask(ids == 1, params)
    found = rectangles.extents(ids, len(params["palette"]))
    return [box for box in found if box], ids.clip(0)


def _of_mask(
    mask: NDArray[np.bool_], params: Mapping[str, Any]
) -> tuple[list[Corners], NDArray[np.int32]]:
    """The boxes in one colour, bool[H, W], and int32[H, W], of which each of its pixels is."""
    thick, smallest = thickness(mask.shape, params), mask.size / PARTS
    if thick is None:
        found = rectangles.filled(mask, smallest)
    else:
        found = rectangles.outlined(mask, thick, smallest)
    ids = np.zeros(mask.shape, np.int32)
    for number, box in enumerate(found, 1):
        rectangles.paint(ids, box, thick, number)
    return found, np.where(mask, ids, 0)


def filled(rgb: Array, params: Mapping[str, Any], read: Any) -> Segments:
    """Boxes in uint8 RGB [..., H, W, 3] as segments: the whole of each, smaller ones over larger.

    read: `corners` or `exact_corners`. Every pixel is valid.
    """
    pixels = numpy(rgb)
    size, most, maps = pixels.shape[-3:-1], 0, []
    for picture in pixels.reshape(-1, *size, 3):
        found = read(picture, params)[0]
        ids = np.zeros(size, np.int32)
        for number in sorted(range(len(found)), key=lambda k: -_area(found[k])):
            rectangles.paint(ids, found[number], None, number + 1)
        maps.append(ids)
        most = max(most, len(found))
    ids = placed(np.stack(maps).reshape(pixels.shape[:-1]), place(rgb))
    return Segments(
        ids=ids,
        classes=(str(params["class"]),) * most,
        things=(True,) * most,
        crowds=(False,) * most,
        valid=ids >= 0,
    )


def _area(box: Corners) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def roundtrip(label: Segments, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest distance in pixels of a corner's coordinate from its own after decoding.

    inf if a box is lost or made up, or a pixel has a colour that means nothing.
    """
    ids, pixels = numpy(label.ids), numpy(rgb)
    size, worst = ids.shape[-2:], 0.0
    if not bool(colours.legal(pixels, table_of(params)).all()):
        return math.inf
    pairs = zip(images(label), pixels.reshape(-1, *size, 3), strict=True)
    for image, picture in pairs:
        wanted = sorted(boxes_of(image, label, params).values())
        found = sorted(exact_corners(picture, params)[0])
        if len(wanted) != len(found):
            return math.inf
        gap = np.abs(np.array(wanted, np.float64) - np.array(found, np.float64))
        worst = max(worst, float(gap.max(initial=0)))
    return worst
