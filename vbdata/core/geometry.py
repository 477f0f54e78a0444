"""Output sizes: shrink to at most so many pixels, then crop the centre to a multiple."""

from __future__ import annotations

import functools
import math

from vbdata.core.types import Geometry
from vbdata.errors import BadSample


@functools.lru_cache(1 << 12)
def geometry_for(width: int, height: int, max_pixels: int | None, multiple: int) -> Geometry:
    """How a source image of width x height pixels becomes an output image.

    max_pixels: the most that the scaled image may have, None for no limit; multiple: what both
    output sides are multiples of. Both sides are scaled alike, up to rounding, and never enlarged;
    the crop removes less than `multiple` pixels in all from each axis. Raises
    BadSample("wrong size") if nothing would be left.
    """
    scaled = (width, height)
    if max_pixels is not None and width * height > max_pixels:
        scaled = _within(width, height, max_pixels)
    out_width, out_height = (side // multiple * multiple for side in scaled)
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


def _within(width: int, height: int, pixels: int) -> tuple[int, int]:
    """The largest (width, height) of the same aspect with at most so many pixels, in integers.

    Integer square roots and floor division: floating point would round differently by platform.
    """
    scaled_width = min(pixels, max(1, math.isqrt(pixels * width // height)))
    scaled_height = max(1, scaled_width * height // width)
    return scaled_width, max(1, min(scaled_height, pixels // scaled_width))
