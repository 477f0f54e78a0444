"""Masks against what their own annotations say of them: `area` and `bbox`.

Some converters write corners as shares of the picture, as y, x, or in the pixels of a larger copy;
such a mask can be drawn, but not where the object is. So a mask must not contradict its record
grossly. Real boxes and areas are a little off, some are those of another convention, and a box that
merely lies elsewhere proves nothing; refused is only

- an area, or without one a box, of more or less than FACTOR times what the mask covers (SLACK
  pixels off it may always be). An area that is just the box's is compared with the mask's extent;
- a box that is that of the mask after a change of coordinates: x and y swapped, scaled, mirrored,
  moved.

Of the 1,975 real annotations beside the repository the areas are off by a quarter at most, and the
boxes overlap by half at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from . import scalars

FACTOR = 4
SLACK = 64  # pixels of area
NEAR = 2.0  # pixels that a corner may be off where a change of coordinates explains a box
SHARE = 0.03  # of a box's longer side that it may be off as well
ALMOST = 0.05  # share by which the scales of both axes may differ
ALIKE = 0.75  # intersection over union from which two boxes agree
FEWEST = 100  # pixels of a box below which its place proves nothing


class Witness(NamedTuple):
    """What the annotation of a mask says. area: pixels, or None; box: x, y, w, h, or None."""

    area: float | None
    box: tuple[float, float, float, float] | None


def witness(annotation: dict[str, Any]) -> Witness:
    """The area and box of an annotation, as far as it states any above 0."""
    return Witness(scalars.positive(annotation.get("area")), scalars.box(annotation.get("bbox")))


def contradiction(
    annotations: Sequence[dict[str, Any]], extents: Sequence[list[int]], areas: Sequence[int]
) -> tuple[int, str] | None:
    """The first mask that contradicts its annotation grossly: its place, and both sides in words.

    extents: x0, y0, x1, y1 of the masks; areas: their pixels.
    """
    seen = zip(annotations, extents, areas, strict=True)
    for place, (annotation, extent, area) in enumerate(seen):
        if not _agrees(annotation, extent, area) and (
            wrong := _contradiction(annotation, extent, area)
        ):
            return place, wrong
    return None


def _agrees(annotation: dict[str, Any], extent: list[int], area: int) -> bool:
    """Whether area and box are close to those of the mask, as those of nearly all are."""
    try:
        x, y, width, height = annotation["bbox"]
        if not area <= FACTOR * annotation["area"] <= FACTOR * FACTOR * area:
            return False
        x0, y0, x1, y1 = extent
        across, down = min(x1, x + width) - max(x0, x), min(y1, y + height) - max(y0, y)
        both = across * down
        every = width * height + (x1 - x0) * (y1 - y0) - both
        return bool(across > 0 and down > 0 and both >= ALIKE * every)
    except (KeyError, TypeError, ValueError):
        return False


def _contradiction(annotation: dict[str, Any], extent: list[int], area: int) -> str:
    """How a mask and its record contradict each other; "" if they do not.

    extent: x0, y0, x1, y1 of the mask; area: its pixels.
    """
    said = witness(annotation)
    x0, y0, x1, y1 = extent
    spread = (x1 - x0) * (y1 - y0)
    boxed = said.box[2] * said.box[3] if said.box else None
    covers = f"its mask covers {area} pixels"
    if (stated := said.area) is not None:
        of_box = boxed is not None and abs(stated - boxed) <= 0.05 * boxed
        covered = spread if of_box else area
        if apart(stated, covered) or stated * FACTOR + SLACK < area:
            return f"{covers}, its area is {stated:g}"
    elif boxed is not None and apart(boxed, spread):
        return f"{covers}, its bbox {_words(said.box)} has {boxed:g}"
    if said.box is None or not area or boxed is None or boxed < FEWEST:
        return ""
    corners = (*said.box[:2], said.box[0] + said.box[2], said.box[1] + said.box[3])
    if max(_overlap(corners, extent), _overlap(said.box, extent)) >= ALIKE:  # or x0, y0, x1, y1
        return ""
    outline = _outline(annotation.get("segmentation"), extent)
    change = _change(corners, outline, scaled=not _like(stated, area))
    mask = _words((x0, y0, x1 - x0, y1 - y0))
    return f"its mask lies in {mask}, its bbox is {_words(said.box)}: {change}" if change else ""


def _outline(shape: Any, extent: Sequence[float]) -> Sequence[float]:
    """x0, y0, x1, y1 of a mask before the picture's edge cut it: of the corners of polygons."""
    if not isinstance(shape, list):
        return extent
    numbers = [n for each in shape for n in (each if isinstance(each, list) else [each])]
    across, down = numbers[::2], numbers[1::2]
    return min(across), min(down), max(across), max(down)


def apart(one: float, other: float) -> bool:
    """Whether two areas in pixels contradict each other grossly."""
    return max(one, other) > FACTOR * min(one, other) + SLACK


def _like(stated: float | None, area: int) -> bool:
    return stated is not None and ALIKE * area <= stated <= area / ALIKE


def _change(corners: Sequence[float], mask: Sequence[float], *, scaled: bool) -> str:
    """The change of coordinates that makes a mask's extent its box, in words; "" if there is none.

    corners, mask: x0, y0, x1, y1 of the box, and of the mask; scaled: whether the mask may be that
    of a larger or smaller picture, as its area is not that of the record.
    """
    width, height = corners[2] - corners[0], corners[3] - corners[1]
    near = NEAR + SHARE * max(width, height)
    x0, y0, x1, y1 = mask
    if _close(corners, (y0, x0, y1, x1), near):
        return "x and y are swapped"
    if abs(x1 - x0 - width) <= near and abs(y1 - y0 - height) <= near:
        return "the same size in another place"
    if not scaled or min(corners[2:]) <= 0:
        return ""
    across, down = x1 / corners[2], y1 / corners[3]
    larger = [c * s for c, s in zip(corners, (across, down) * 2, strict=True)]
    most = max(across, down)
    if abs(across - down) <= ALMOST * most and _close(larger, mask, near * most):
        return f"the coordinates of a picture {across:.3g} times as large"
    return ""


def _close(one: Sequence[float], other: Sequence[float], near: float) -> bool:
    return all(abs(a - b) <= near for a, b in zip(one, other, strict=True))


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    both = max(across, 0.0) * max(down, 0.0)
    sizes = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return both / max(sum(sizes) - both, 1e-9)


def _words(box: Sequence[float] | None) -> str:
    return ", ".join(f"{number:g}" for number in box or ())
