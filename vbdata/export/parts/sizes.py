"""The sizes of exported images, and settings under which a trainer does not resize them.

Colours are the label. A trainer that resizes a target averages neighbouring colours, and the mean
of two colours means something else. The configs are therefore chosen so that an image stays as it
is if its sides are multiples of what the trainer's autoencoder needs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from vbdata.export.parts.types import Part

MULTIPLE = 16  # pixels a side: what the autoencoders of today's image editors need
MOST_BUCKETS = 32
NAMED = 6  # sizes that the README names

Sizes = Counter[tuple[int, int]]


def all_sizes(parts: Iterable[Part]) -> Sizes:
    """How many samples of some parts have each size, (width, height) in pixels."""
    return sum((part.sizes for part in parts), Counter())


def all_multiples(sizes: Sizes) -> bool:
    """Whether every width and height is a multiple of 16, so that no trainer rounds it."""
    return all(width % MULTIPLE == height % MULTIPLE == 0 for width, height in sizes)


def square_side(sizes: Sizes) -> int:
    """Side, in pixels and a multiple of 16, of a square with at least the largest image's area."""
    area = max(width * height for width, height in sizes)
    return _rounded_up(math.sqrt(area))


def largest_size(sizes: Sizes) -> tuple[int, int]:
    """(width, height) of the image with the largest area, each rounded up to a multiple of 16."""
    width, height = max(sizes, key=lambda size: (size[0] * size[1], size))
    return _rounded_up(width), _rounded_up(height)


def ratio_range(sizes: Sizes) -> tuple[float, float]:
    """The smallest and the largest width / height."""
    ratios = [width / height for width, height in sizes]
    return min(ratios), max(ratios)


def one_bucket_each(sizes: Sizes) -> bool:
    """Whether a trainer that picks buckets by aspect ratio gives each size a bucket of its own."""
    ratios = {round(width / height, 3) for width, height in sizes}
    return all_multiples(sizes) and len(ratios) == len(sizes) <= MOST_BUCKETS


def described(sizes: Sizes) -> str:
    """A paragraph of Markdown: the most frequent sizes, and whether trainers keep them."""
    by_count = sorted(sizes.items(), key=lambda entry: (-entry[1], entry[0]))
    named = ", ".join(f"{w}x{h} ({n})" for (w, h), n in by_count[:NAMED])
    rest = f" and {len(sizes) - NAMED} more sizes" if len(sizes) > NAMED else ""
    if all_multiples(sizes):
        return (
            f"Sizes: {named}{rest}. All sides are multiples of {MULTIPLE} pixels. Train at these "
            "sizes: a target that is resized has colours that mean something else."
        )
    return (
        f"Sizes: {named}{rest}. **Not all sides are multiples of {MULTIPLE} pixels, so trainers "
        "crop or resize them, and a resized target has colours that mean something else.** Build "
        f"with `image: {{max_pixels: ..., multiple_of: {MULTIPLE}}}` in the recipe."
    )


def _rounded_up(pixels: float) -> int:
    return math.ceil(pixels / MULTIPLE) * MULTIPLE
