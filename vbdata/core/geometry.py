"""Output sizes: shrink to a number of pixels, then crop the centre to a multiple."""

from __future__ import annotations

import math

from vbdata.core.types import Geometry
from vbdata.errors import BadSample


def geometry_for(width: int, height: int, max_pixels: int | None, multiple: int) -> Geometry:
    """The geometry of a source image of width x height pixels.

    The scale is the same for both sides up to rounding and never above 1; the crop removes less
    than `multiple` pixels a side, so labels are mostly cut, not resampled. Raises BadSample if
    nothing would be left.
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
    """The largest size of the same aspect with at most so many pixels, in integers."""
    scaled_width = min(pixels, max(1, math.isqrt(pixels * width // height)))
    scaled_height = max(1, scaled_width * height // width)
    return scaled_width, max(1, min(scaled_height, pixels // scaled_width))
