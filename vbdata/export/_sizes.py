"""The sizes of exported images, and settings under which a trainer does not resize them.

Colours are the label: a trainer that resizes a target averages colours, and a mean of two colours
is a third. What is written into configs is chosen so that images stay as they are where their sides
are multiples of what the trainer's autoencoder needs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from vbdata.export.options import Part

MULTIPLE = 16  # of pixels a side: what the autoencoders of today's editors need
MOST_BUCKETS = 32

Sizes = Counter[tuple[int, int]]


def all_sizes(parts: Iterable[Part]) -> Sizes:
    """Samples of each (width, height) in some parts."""
    return sum((part.sizes for part in parts), Counter())


def exact(sizes: Sizes) -> bool:
    """Whether all sides are multiples that no trainer rounds."""
    return all(width % MULTIPLE == height % MULTIPLE == 0 for width, height in sizes)


def side(sizes: Sizes) -> int:
    """The side of a square that is at least as large as the largest image, a whole multiple."""
    area = max(width * height for width, height in sizes)
    return math.ceil(math.sqrt(area) / MULTIPLE) * MULTIPLE


def largest(sizes: Sizes) -> tuple[int, int]:
    """(width, height) of the largest image, rounded up to whole multiples."""
    width, height = max(sizes, key=lambda size: (size[0] * size[1], size))
    return math.ceil(width / MULTIPLE) * MULTIPLE, math.ceil(height / MULTIPLE) * MULTIPLE


def ratios(sizes: Sizes) -> tuple[float, float]:
    """The smallest and largest width / height."""
    found = [width / height for width, height in sizes]
    return min(found), max(found)


def distinct(sizes: Sizes) -> bool:
    """Whether a trainer that tells buckets apart by their aspect ratio finds each size's own."""
    shapes = {round(width / height, 3) for width, height in sizes}
    return exact(sizes) and len(shapes) == len(sizes) <= MOST_BUCKETS


def told(sizes: Sizes) -> str:
    """The most frequent sizes, and whether a trainer keeps them, for people."""
    shown = ", ".join(f"{w}x{h} ({n})" for (w, h), n in sorted(sizes.items(), key=_often)[:6])
    rest = f" and {len(sizes) - 6} more sizes" if len(sizes) > 6 else ""
    if exact(sizes):
        return (
            f"Sizes: {shown}{rest}. All sides are multiples of {MULTIPLE} pixels. Train at these "
            "sizes: a target that is resized has colours that mean something else."
        )
    return (
        f"Sizes: {shown}{rest}. **Not all sides are multiples of {MULTIPLE} pixels, so trainers "
        "crop or resize them, and a resized target has colours that mean something else.** Build "
        f"with `image: {{max_pixels: ..., multiple_of: {MULTIPLE}}}` in the recipe."
    )


def _often(entry: tuple[tuple[int, int], int]) -> tuple[int, tuple[int, int]]:
    return -entry[1], entry[0]
