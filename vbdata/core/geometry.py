"""Output sizes: shrink to at most so many pixels or to a stated size, then crop the centre."""

from __future__ import annotations

import functools
import math
from fractions import Fraction

from vbdata.core.types import Geometry
from vbdata.errors import BadSample

Size = tuple[int, int]  # width, height in pixels


@functools.lru_cache(1 << 12)
def geometry_for(
    width: int,
    height: int,
    max_pixels: int | None,
    multiple: int,
    sizes: tuple[Size, ...] = (),
) -> Geometry:
    """How a source image of width x height pixels becomes an output image.

    max_pixels: the most that the scaled image may have, None for no limit; multiple: what both
    output sides are multiples of; sizes: if there are any, the only sizes of outputs, and the two
    others are not looked at. Both sides are scaled alike, up to rounding, and never enlarged.

    Without sizes the crop removes less than `multiple` pixels in all from each axis. With sizes the
    image gets the one of those it covers of which most of it is seen, that is, of the nearest
    aspect ratio, of equal ones the largest; it is shrunk until it just covers that size, and the
    rest is cropped from two opposite sides alike. Raises BadSample("wrong size") if nothing would
    be left, or if the image covers none of the sizes.
    """
    scaled, out = (width, height), _chosen(width, height, sizes)
    if out is not None:
        scaled = _covering(width, height, out)
    elif max_pixels is not None and width * height > max_pixels:
        scaled = _within(width, height, max_pixels)
    out_width, out_height = out or (side // multiple * multiple for side in scaled)
    if not out_width or not out_height:
        raise BadSample("wrong size", f"{width}x{height} pixels leave nothing at {multiple}")
    return Geometry(
        source=(width, height),
        scaled=scaled,
        left=(scaled[0] - out_width) // 2,
        top=(scaled[1] - out_height) // 2,
        width=out_width,
        height=out_height,
    )


def _chosen(width: int, height: int, sizes: tuple[Size, ...]) -> Size | None:
    """The size that an image gets, None if any will do. Raises BadSample if it covers none."""
    if not sizes:
        return None
    covered = [(w, h) for w, h in sizes if w <= width and h <= height]
    if not covered:
        listed = ", ".join(f"{w}x{h}" for w, h in sizes[:6])
        more = ", ..." if len(sizes) > 6 else ""
        raise BadSample(
            "wrong size", f"{width}x{height} pixels cover none of the sizes {listed}{more}"
        )

    def seen(size: Size) -> tuple[Fraction, int, int]:
        across, down = size[0] * height, size[1] * width
        return Fraction(min(across, down), max(across, down)), size[0] * size[1], size[0]

    return max(covered, key=seen)


def _covering(width: int, height: int, size: Size) -> Size:
    """The smallest (width, height) of the same aspect that covers a size, in integers.

    Rounded down, which covers the size, as its sides are whole numbers.
    """
    if size[0] * height >= size[1] * width:
        return size[0], height * size[0] // width
    return width * size[1] // height, size[1]


def _within(width: int, height: int, pixels: int) -> tuple[int, int]:
    """The largest (width, height) of the same aspect with at most so many pixels, in integers.

    Integer square roots and floor division: floating point would round differently by platform.
    """
    scaled_width = min(pixels, max(1, math.isqrt(pixels * width // height)))
    scaled_height = max(1, scaled_width * height // width)
    return scaled_width, max(1, min(scaled_height, pixels // scaled_width))
